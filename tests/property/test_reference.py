"""The reference against the rules as one sentence, against its twin, and against itself."""

from __future__ import annotations

import random
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategies import model_of, scripts
from unlearn.events.event import Delete, Insert, Parsed
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Entry
from unlearn.simulate.judging.reach import owner_of, reach
from unlearn.simulate.replay import Replay, replay
from unlearn.simulate.script import CLASSES, Script
from unlearn.verification.reference import Model
from unlearn_models import make_learner

LEARNERS = [make_learner(name, CLASSES, 64) for name in ("naive-bayes", "linear")]
untimed = settings(deadline=None, max_examples=20)
ANY_SCRIPT = scripts() | scripts(partitions=1) | scripts(subjects=False)

Pair = tuple[str | None, str]


def a_model(script: Script, place: int = 0) -> Model:
    return model_of(script, Model(1, 2, 7, True, b"a secret of tests", LEARNERS[place]))


def a_replay(script: Script, partition: int, place: int = 0) -> Replay:
    return replay(a_model(script, place), partition, script.entries(partition))


def points(script: Script, partition: int, found: Replay) -> list[tuple[int, int]]:
    """Every (through, applied) that a manifest could have."""
    stop = script.end(partition) + 1
    ends = [end for end in range(stop) if found.is_end(end)]
    return [(through, applied) for applied in range(stop) for through in ends if through <= applied]


@untimed
@given(ANY_SCRIPT)
def test_what_lives_is_the_rule_in_one_sentence(script: Script) -> None:
    for partition in range(script.topic_partitions):
        found = a_replay(script, partition)

        lives = {(s, r): row.slot for s, rows in found.live.items() for r, row in rows.items()}

        assert lives == declared(a_model(script), partition, script.entries(partition))
        assert lives.keys() == {pair(row.insert) for row in found.rows.values() if row.death is None}


@untimed
@given(scripts(), st.randoms(use_true_random=False))
def test_order_decides_slots_and_deaths_but_not_what_lives(script: Script, chance: random.Random) -> None:
    entries = script.entries(0)
    mixed = [entry.value for entry in entries]
    chance.shuffle(mixed)

    before = a_replay(script, 0)
    after = replay(a_model(script), 0, [e._replace(value=v) for e, v in zip(entries, mixed, strict=True)])

    assert revisions(after) == revisions(before)


@untimed
@given(ANY_SCRIPT)
def test_a_log_that_comes_again_changes_nothing(script: Script) -> None:
    entries, end = script.entries(0), script.end(0)
    again = [entry._replace(offset=end + entry.offset) for entry in entries]

    once, twice = a_replay(script, 0), replay(a_model(script), 0, entries + again)

    facts = [{slot: (row.end, row.death) for slot, row in found.rows.items()} for found in (once, twice)]
    ended = {slot: fact for slot, fact in facts[0].items() if fact[0] <= end}
    assert facts[1].keys() == facts[0].keys()
    assert {slot: facts[1][slot] for slot in ended} == ended
    assert (twice.gone, twice.tombs, twice.everywhere) == (once.gone, once.tombs, once.everywhere)
    assert (twice.named, twice.gone_aliases) == (once.named, once.gone_aliases)


@pytest.mark.parametrize("place", range(len(LEARNERS)))
@untimed
@given(script=scripts(), chance=st.randoms(use_true_random=False))
def test_a_state_at_applied_knows_nothing_of_the_log_behind_it(
    place: int, script: Script, chance: random.Random
) -> None:
    found = a_replay(script, 0, place)
    for through, applied in chance.choices(points(script, 0, found), k=8):
        cut = replay(a_model(script, place), 0, [e for e in script.entries(0) if e.offset < applied])
        for shard in range(2):
            assert cut.state(shard, through, applied) == found.state(shard, through, applied)
            assert cut.holds(shard, through, applied) == found.holds(shard, through, applied)


@pytest.mark.parametrize("place", range(len(LEARNERS)))
@untimed
@given(script=scripts(), chance=st.randoms(use_true_random=False))
def test_the_order_of_questions_changes_no_answer(place: int, script: Script, chance: random.Random) -> None:
    found = a_replay(script, 0, place)
    asked = points(script, 0, found)
    for through, applied in chance.choices(asked, k=8):
        fresh = a_replay(script, 0, place)
        assert found.state(1, through, applied) == fresh.state(1, through, applied)


@pytest.mark.parametrize("place", range(len(LEARNERS)))
@untimed
@given(script=ANY_SCRIPT)
def test_a_twin_with_null_where_forgotten_rows_stood_gives_the_same_states(place: int, script: Script) -> None:
    for partition in range(script.topic_partitions):
        found = a_replay(script, partition, place)
        twin = replay(a_model(script, place), partition, nulled(script.entries(partition), found))
        end = script.end(partition)
        for through, shard in ((t, s) for t in range(end + 1) if found.is_end(t) for s in range(2)):
            assert twin.state(shard, through, end) == found.state(shard, through, end)
            assert twin.holds(shard, through, end) == found.holds(shard, through, end)


def nulled(entries: list[Entry], found: Replay) -> list[Entry]:
    """The log without deletes, and without every insert but those whose rows live."""
    live = {slot for slot, row in found.rows.items() if row.death is None}
    return [e if e.offset in live or not is_any(parsed(e)) else e._replace(value=None) for e in entries]


def declared(model: Model, partition: int, entries: list[Entry]) -> dict[Pair, int]:
    """Pair -> slot of its live row, said without an order of events.

    A record is live iff the highest revision seen > its tomb and its subject has no tombstone. Its row is the
    event with that revision at the lowest offset. A deleted alias is a deletion of the subject, or else the record, of
    each insert that bears it.
    """
    counted = [(entry.offset, parsed(entry)) for entry in entries]
    counted = [(offset, event) for offset, event in counted if model.counts_in(partition, event)]
    inserts = [(offset, event) for offset, event in counted if isinstance(event, Insert)]
    deletes = [event for _, event in counted if isinstance(event, Delete)]
    aliases = {event.alias for event in deletes}
    gone = {owner_of(event) for _, event in inserts if aliases.intersection(event.aliases or ())}
    live = {}
    for name in {pair(event) for _, event in inserts if owner_of(event) not in gone}:
        seen = [(-event.revision, offset) for offset, event in inserts if pair(event) == name]
        top, slot = min(seen)
        if -top > max(chain([-1.0], (reach(event, name) for event in deletes))):
            live[name] = slot
    return live


def parsed(entry: Entry) -> Parsed:
    return Parser(CLASSES, 64, counts=True).read(entry)


def is_any(event: Parsed) -> bool:
    return isinstance(event, Insert | Delete)


def pair(event: Insert) -> Pair:
    return event.subject_id, event.record_id


def revisions(found: Replay) -> dict[Pair, int]:
    return {(s, r): row.insert.revision for s, rows in found.live.items() for r, row in rows.items()}
