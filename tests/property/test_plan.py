"""`plan` alone: where batches end, what comes again, and when deleted subjects are cleaned up, changes nothing."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tests.property.histories import busy_scripts, lifting_scripts, seeds
from tests.property.strategies import model_of, scripts
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import Digests
from unlearn.ingest.apply import members_of
from unlearn.ingest.classify import Classifier, Item
from unlearn.ingest.planning.plan import plan
from unlearn.ingest.planning.planned import Frame, Lookups, Plan, Row
from unlearn.log.protocol import Entry as Logged
from unlearn.maintenance.cleanup import bury
from unlearn.partition.ledger import Ledger
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import Change, State, Tables, slice_start
from unlearn.simulate.replay import Owner, Replay, replay
from unlearn.simulate.script import CLASSES, Script
from unlearn.state.aliases import Alias, decode_alias, encode_alias, target_of
from unlearn.state.entries import NO_ROW, Entry, Subject, decode_entry, encode_entry
from unlearn.verification.reference import Model
from unlearn_models import make_learner

SECRET, SHARDS, SPAN = b"a secret of tests", 2, 20
MODEL = Model(1, SHARDS, SPAN, True, SECRET, make_learner("naive-bayes", CLASSES, 64))
DIGESTS = Digests(SECRET)
ANY_SCRIPT = busy_scripts() | lifting_scripts() | scripts(max_size=60) | scripts(subjects=False)
untimed = settings(deadline=None, max_examples=40, derandomize=True, database=None, phases=(Phase.generate,))


@dataclass
class Held:
    """What Redis and the owner hold of partition 0, in plain dicts. Some states are there from the start."""

    script: Script
    view: Tables = field(default_factory=lambda: Tables({}))
    records: dict[bytes, Entry] = field(default_factory=dict)
    subjects: dict[bytes, Subject] = field(default_factory=dict)
    aliases: dict[bytes, Alias] = field(default_factory=dict)
    deaths: dict[int, int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        there = Change()
        for shard in range(SHARDS):
            for through in range(SPAN, 100, SPAN):
                there.put("states", (shard, through), State(0, "", ""))
        self.view.apply(there, self.view.applied)

    def items(self, entries: list[Logged]) -> list[Item]:
        classifier = Classifier("m", 0, self.script.partitions, self.script.subjects, SECRET, DIGESTS)
        parser = Parser(CLASSES, 64, counts=True)
        found = (classifier.sort(entry, parser.read(entry)) for entry in entries)
        return [item for item in found if item is not None]

    def planned(self, entries: list[Logged], stop: int) -> Plan:
        frame = Frame(self.view.applied, stop, SHARDS, SPAN, 3600.0, 3600.0, folds=True)
        lookups = Lookups(dict(self.records), dict(self.subjects), dict(self.aliases))
        return plan(self.items(entries), lookups, self.view, frame)

    def apply(self, entries: list[Logged], stop: int) -> Plan:
        """Entries of [applied, stop)."""
        planned = self.planned(entries, stop)
        ends = self.view.ends + planned.ends
        self.view.apply(planned.change, stop)
        self._take(planned.records, planned.subjects)
        self.aliases |= {d: decode_alias(encode_alias(alias)) for d, alias in planned.aliases.items()}
        self.rows += planned.rows
        for kill in planned.kills:
            self.deaths[kill.slot] = kill.death
            self.starts[kill.slot] = slice_start(ends, kill.slot)
        return planned

    def clean_up(self) -> None:
        """Walk the oldest deleted subject that is still to be walked."""
        for subject, cleanup in sorted(self.view.cleanups.items(), key=lambda item: item[1].death)[:1]:
            digest, change = bytes.fromhex(subject), Change()
            own = [row for row in self.rows if row.insertion.who.subject == digest and row.slot not in self.deaths]
            mine = [row for row in own if row.slot < cleanup.deaths[-1]]
            ledger = Ledger(self.view, self.view.applied, SPAN)
            if mine:
                _, members = members_of(mine, CLASSES, 64)
                self._take(bury(members, self.records, {digest: cleanup}, ledger), {})
            ledger.settle(change, self.view.applied, drop_states=False)
            change.drop("cleanups", subject)
            for name, more in (("live", -len(ledger.kills)), ("holes", len(ledger.kills))):
                change.put("meta", name, self.view.number(name) + more)
            for kill in ledger.kills:
                self.deaths[kill.slot] = kill.death
                self.starts[kill.slot] = self.view.start_of(kill.slot)
            self.view.apply(change, self.view.applied)

    def _take(self, records: dict[bytes, Entry], subjects: dict[bytes, Subject]) -> None:
        for digest, entry in records.items():
            self.records[digest] = decode_entry(encode_entry(entry))
        self.subjects |= subjects

    def facts(self) -> dict[str, Any]:
        tables = {name: dict(table) for name, table in self.view._tables.items()}
        del tables["hits"]  # a batch that passes a slice's end counts kills from before it
        tables["meta"] = {k: v for k, v in self.view.meta.items() if k != "writes" and v != "0"}
        records = {digest: entry for digest, entry in self.records.items() if encode_entry(entry)}
        return {
            "tables": tables,
            "ends": self.view.ends,
            "records": records,
            "subjects": self.subjects,
            "aliases": {digest: alias for digest, alias in self.aliases.items() if encode_alias(alias)},
            "deaths": self.deaths,
            "starts": self.starts,
            "rows": [row.slot for row in self.rows],
        }


def run(script: Script, cuts: list[int], cleaning: bool) -> Held:
    """The script's partition 0 in batches; with `cleaning` a subject is walked after each of them."""
    return run_entries(script, script.entries(0), script.end(0), cuts, cleaning)


def run_entries(script: Script, entries: list[Logged], end: int, cuts: list[int], cleaning: bool) -> Held:
    """As `run`, of these entries up to the offset `end`."""
    held = Held(script)
    for stop in [*sorted({cut for cut in cuts if cut < end}), end]:
        held.apply([e for e in entries if held.view.applied <= e.offset < stop], stop)
        if cleaning:
            held.clean_up()
    for _ in range(1000):
        if not held.view.cleanups:
            return held
        held.clean_up()
    raise AssertionError("the clean-ups never come to an end")


cuts_anywhere = seeds().map(lambda seed: random.Random(seed).sample(range(1, 130), seed % 60))


@untimed
@given(ANY_SCRIPT, cuts_anywhere, st.booleans())
def test_batches_and_clean_ups_may_end_anywhere(script: Script, cuts: list[int], cleaning: bool) -> None:
    whole = run(script, [], cleaning=False)

    parts = run(script, cuts, cleaning)

    assert parts.facts() == whole.facts()


@untimed
@given(ANY_SCRIPT, cuts_anywhere)
def test_what_a_plan_keeps_is_the_reference(script: Script, cuts: list[int]) -> None:
    held, end = run(script, cuts, cleaning=True), script.end(0)

    found = replay(model_of(script, MODEL), 0, script.entries(0))

    assert [row.slot for row in held.rows] == list(found.rows)
    assert held.deaths == {slot: row.death for slot, row in found.rows.items() if row.death is not None}
    assert {slot: held.view.end_of(slot) for slot in found.rows} == {
        slot: row.end if row.end <= end else None for slot, row in found.rows.items()
    }
    assert {(shard, e): (s.sum, s.live) for (shard, e), s in held.view.slices.items()} == sums(found, end)
    assert {d: (a.dead, a.targets) for d, a in held.aliases.items() if encode_alias(a)} == aliases_of(found)
    assert live_slots(held.records) == {row.slot for row in found.rows.values() if row.death is None}


def can_be_taken_again(script: Script) -> bool:
    """Whether something in the script lets in again what was deleted: then it depends on the order what is a member."""
    return any(b'"lift"' in (m.value or b"") or b'"so_far"' in (m.value or b"") for m in script.messages)


@untimed
@given(ANY_SCRIPT, cuts_anywhere, st.booleans())
def test_an_event_that_comes_twice_in_a_row_counts_once(script: Script, cuts: list[int], cleaning: bool) -> None:
    entries, end = script.entries(0), script.end(0)
    once = [e._replace(offset=2 * e.offset) for e in entries]
    twice = [e for one in once for e in (one, one._replace(offset=one.offset + 1))]

    first, second = Held(script), run_entries(script, twice, 2 * end, cuts, cleaning)
    first.apply(once, 2 * end)
    while first.view.cleanups:
        first.clean_up()

    for name in ("records", "subjects", "aliases", "deaths", "rows"):
        assert second.facts()[name] == first.facts()[name]


@untimed
@given(ANY_SCRIPT, cuts_anywhere, st.booleans())
def test_what_comes_again_changes_no_row(script: Script, cuts: list[int], cleaning: bool) -> None:
    assume(not can_be_taken_again(script))
    held = run(script, cuts, cleaning)
    before, end = held.facts(), script.end(0)

    again = held.apply([e._replace(offset=e.offset + end) for e in script.entries(0)], 2 * end)

    after = held.facts()
    assert (again.rows, again.kills, again.covered) == ([], [], [])
    for name in ("records", "subjects", "aliases", "deaths", "rows"):
        assert after[name] == before[name]


@untimed
@given(ANY_SCRIPT)
def test_a_batch_planned_and_written_twice_is_written_once(script: Script) -> None:
    entries, end = script.entries(0), script.end(0)
    held = Held(script)
    held.apply([e for e in entries if e.offset < end // 2], end // 2)
    rest = [e for e in entries if e.offset >= end // 2]

    first, second = held.planned(rest, end), held.planned(rest, end)

    assert first == second
    held.view.apply(first.change, end)
    once = {name: dict(table) for name, table in held.view._tables.items() if name != "meta"}
    held.view.apply(second.change, end)
    assert {name: dict(table) for name, table in held.view._tables.items() if name != "meta"} == once


@untimed
@given(ANY_SCRIPT, cuts_anywhere)
def test_hits_know_the_newest_kill_in_an_ended_slice(script: Script, cuts: list[int]) -> None:
    held = run(script, cuts, cleaning=True)

    must: dict[int, int] = {}
    may: dict[int, int] = {}
    for row in held.rows:
        death, end = held.deaths.get(row.slot, -1), held.view.end_of(row.slot)
        if death >= 0 and end is not None:
            may[row.shard] = max(may.get(row.shard, 0), death + 1)
            if end <= death:
                must[row.shard] = max(must.get(row.shard, 0), death + 1)

    assert must.keys() <= held.view.hits.keys()
    assert all(hit >= must.get(shard, 0) for shard, hit in held.view.hits.items())
    if not any(subject.dead for subject in held.subjects.values()):
        assert all(hit <= may[shard] for shard, hit in held.view.hits.items())


@untimed
@given(ANY_SCRIPT)
def test_states_that_hold_a_killed_row_go(script: Script) -> None:
    held = run(script, [], cleaning=False)

    lowest = dict.fromkeys(range(SHARDS), math.inf)
    for row in held.rows:
        if row.slot in held.deaths:
            lowest[row.shard] = min(lowest[row.shard], row.slot)

    kept = {(shard, through) for shard, through in held.view.states}
    assert all(through <= lowest[shard] for shard, through in kept)


def sums(found: Replay, end: int) -> dict[tuple[int, int], tuple[int, int]]:
    """(shard, slice end) -> (sum, how many) of the live rows of ended slices with rows."""
    slices: dict[tuple[int, int], list[int]] = {}
    for row in found.rows.values():
        if row.end <= end:
            live = slices.setdefault((row.shard, row.end), [])
            live += [row.slot] if row.death is None else []
    return {key: (sum_slots(slots), len(slots)) for key, slots in slices.items()}


def aliases_of(found: Replay) -> dict[bytes, tuple[bool, frozenset[bytes]]]:
    """By digest, whether each alias is deleted, and its targets."""
    named = found.named | {alias: found.named.get(alias, {}) for alias in found.gone_aliases}
    return {
        DIGESTS.alias(alias): (alias in found.gone_aliases, frozenset(map(target, owners)))
        for alias, owners in named.items()
    }


def target(owner: Owner) -> bytes:
    subject, record = owner
    return target_of(DIGESTS.record(record or ""), DIGESTS.subject(subject) if subject is not None else b"")


def live_slots(records: dict[bytes, Entry]) -> set[int]:
    return {pair.slot for entry in records.values() for pair in entry.pairs.values() if pair.slot != NO_ROW}
