"""The ends of the log and of Redis are gone together; the results topic alone still tells what was applied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.conftest import MakeHarness
from tests.harness.events import delete
from tests.harness.model_data import Past
from tests.harness.simulation_harness import SimulationHarness
from unlearn.admin.lost_deletions import lost_deletions, stopped_for_loss
from unlearn.admin.status.reader import StatusReader
from unlearn.events.event import encode
from unlearn.events.parsing import parser_of
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Entry
from unlearn.results.manifest import read_manifest
from unlearn.simulate.members import Member
from unlearn.state.keys import Keys
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of
from unlearn.worker.lifecycle import states

LEARNERS = ("linear", "naive-bayes")


def story(make_harness: MakeHarness, learner: str = "linear") -> tuple[SimulationHarness, Past, int]:
    """Five records; then, past what will be left of Redis, a deletion with its receipt. (harness, Redis, its offset)"""
    harness = make_harness(learner)
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    past = harness.remember()
    at = harness.delete("b")
    harness.inserts("f", "g")
    harness.settle()
    assert at in harness.hidden()
    return harness, past, at


def end_of(harness: SimulationHarness) -> int:
    return harness.log.bounds(harness.settings.events_topic)[0][1]


def lose(harness: SimulationHarness, past: Past, end: int) -> None:
    """The log from `end` on, and what Redis has learned since `past`; the worker is gone."""
    harness.log.cut(harness.settings.events_topic, 0, end)
    harness.go_back(past)
    harness.crash(0)


def stops(harness: SimulationHarness, words: str) -> None:
    """Before anything is applied, and with what to do."""
    before, said, hidden = harness.stored().applied, len(harness.manifests()), harness.hidden()
    harness.run(10, wait=3.0)
    assert harness.worker.owned == {}
    why = harness.worker.stopped[0]
    assert words in why
    for help_ in ("unlearn resolve", "UNLEARN_MODEL", f"UNLEARN_TOPICS__EVENTS={harness.settings.events_topic}"):
        assert help_ in why
    assert (harness.stored().applied, len(harness.manifests()), harness.hidden()) == (before, said, hidden)
    reader = StatusReader(harness.settings, harness.log, harness.redis, harness.place.learner.forgets)
    assert reader.read().partitions[0].stopped == why
    reader.close()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_the_log_ends_before_what_the_newest_manifest_has_applied(
    make_harness: MakeHarness, learner: str, lost: int
) -> None:
    harness, past, _ = story(make_harness, learner)
    lose(harness, past, end_of(harness) - lost)

    stops(harness, "the ends of the log and of Redis are gone")


@pytest.mark.parametrize("more", [0, 1, 7])
@pytest.mark.parametrize("learner", LEARNERS)
def test_the_log_has_grown_again(make_harness: MakeHarness, learner: str, more: int) -> None:
    """Up to where the newest manifest was, or past it."""
    harness, past, at = story(make_harness, learner)
    applied = harness.manifest.applied
    lose(harness, past, at)
    for _ in range(applied + more - end_of(harness)):
        harness.insert(f"new{end_of(harness)}")

    stops(harness, "truncated and has grown again")


def test_the_log_has_grown_again_with_the_very_same_last_record(make_harness: MakeHarness) -> None:
    """Seals are all alike; the moment of their appending tells them apart."""
    harness = make_harness()
    harness.inserts("a", "b", "c")
    harness.settle()
    past = harness.remember()
    at = harness.delete("b")
    harness.seal()
    harness.settle()
    lose(harness, past, at)
    harness.insert("x")
    harness.seal()

    stops(harness, "truncated and has grown again")


def test_the_log_has_grown_again_and_nothing_stands_where_the_last_record_was(make_harness: MakeHarness) -> None:
    """A marker, or what was aborted, is no record."""
    harness, past, at = story(make_harness)
    lose(harness, past, at)
    harness.log.gap(harness.settings.events_topic, 0, 20)

    stops(harness, "truncated and has grown again")


def test_only_redis_has_lost_its_end(make_harness: MakeHarness) -> None:
    harness, past, _ = story(make_harness)
    harness.go_back(past)
    harness.crash(0)
    harness.inserts("h", "i")
    harness.settle(most=1)

    assert harness.owned.counters["rolled_back"] == 1
    harness.check()


def test_the_last_offsets_applied_held_no_record(make_harness: MakeHarness) -> None:
    """Transaction markers are no loss, whatever has come in their place."""
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    past = harness.remember()
    harness.log.gap(harness.settings.events_topic, 0, 3)
    harness.settle()
    assert harness.manifest.applied == end_of(harness)
    harness.go_back(past)
    harness.crash(0)
    harness.insert("f")
    harness.settle()

    harness.check()


def test_retention_has_taken_the_last_record_applied(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    past = harness.remember()
    harness.log.gap(harness.settings.events_topic, 0, 3)
    harness.settle()
    harness.go_back(past)
    harness.log.truncate(harness.settings.events_topic, 0, harness.stored().applied)
    harness.crash(0)
    harness.insert("f")
    harness.settle()

    assert harness.owned.counters["rolled_back"] == 1
    assert harness.hidden() == set()
    assert harness.manifest.applied == end_of(harness)


def test_a_live_owner_stops_at_its_next_claim_where_log_and_redis_lost_their_ends(make_harness: MakeHarness) -> None:
    harness, past, at = story(make_harness)
    harness.log.cut(harness.settings.events_topic, 0, at)
    harness.go_back(past)

    harness.run(3, wait=3.0)
    assert harness.worker.owned == {}
    assert "beyond the log's end" in harness.worker.stopped[0]
    assert "unlearn resolve" in harness.worker.stopped[0]
    harness.crash(0)
    stops(harness, "the ends of the log and of Redis are gone")


def zombies_late_manifest(make_harness: MakeHarness) -> tuple[SimulationHarness, Past, Member]:
    """A worker has applied a deletion and is about to publish; Redis goes back, and another takes over before it."""
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    past = harness.remember()
    harness.delete("b")
    harness.inserts("f", "g", "h")
    harness.set_late(jobs=False, sends=True)
    harness.until(lambda: harness.owned.publishing and harness.owned.publishing.manifest.applied == end_of(harness))
    zombie = harness.freeze()
    harness.set_late(jobs=False, sends=False)
    return harness, past, zombie


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("regrown", [True, False])
def test_a_zombies_manifest_is_the_only_one_that_tells(make_harness: MakeHarness, live: bool, regrown: bool) -> None:
    """Its order is behind its successor's, what it has applied is ahead."""
    harness, past, zombie = zombies_late_manifest(make_harness)
    applied = end_of(harness)
    harness.log.cut(harness.settings.events_topic, 0, applied - 4)
    harness.go_back(past)
    harness.run(3)
    if live:
        assert harness.owned.token.counter == 2
    zombie.wire.sends.land()
    if not live:
        harness.crash(0)
    for _ in range(applied + 3 - end_of(harness) if regrown else 0):
        harness.insert(f"new{end_of(harness)}")

    stops(harness, "truncated and has grown again" if regrown else "the ends of the log and of Redis are gone")


def without_marks(entry: Entry) -> Entry:
    """As a worker of before fingerprints and proofs wrote it."""
    if read_manifest(entry.value or b"") is None:
        return entry
    fields: dict[str, Any] = json.loads(entry.value or b"")
    kept = {name: value for name, value in fields.items() if name not in ("fingerprint", "proof")}
    return entry._replace(value=json.dumps(kept).encode())


def made_before(harness: SimulationHarness) -> None:
    place = harness.log.partition(harness.settings.results_topic, 0)
    place.entries = [without_marks(entry) for entry in place.entries]
    client: Any = harness.redis
    client.hdel(Keys(harness.settings.model, 0).meta, "proven", "fp_time")


@pytest.mark.parametrize("applied_more", [True, False])
def test_manifests_of_before_there_were_fingerprints(make_harness: MakeHarness, applied_more: bool) -> None:
    """What they have applied tells; a log that is long enough is believed, as it was."""
    harness, past, _ = story(make_harness)
    end = end_of(harness)
    harness.go_back(past)
    made_before(harness)
    harness.crash(0)
    if applied_more:
        harness.log.cut(harness.settings.events_topic, 0, end - 1)
        stops(harness, "the ends of the log and of Redis are gone")
    else:
        harness.settle()
        harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_what_status_says_to_do_leads_to_a_model_without_whom_was_forgotten(
    make_harness: MakeHarness, learner: str
) -> None:
    harness, past, at = story(make_harness, learner)
    later = harness.delete("d")
    harness.settle()
    lose(harness, past, at)
    harness.inserts("x", "y", "z", "v", "w", "u", "t")
    stops(harness, "grown again")

    # Both deletions are known by their receipts, until they are sent again
    assert lost(harness) == [(0, at), (0, later)]
    again(harness, "b", at)
    assert lost(harness) == [(0, later)]
    again(harness, "d", later)
    assert lost(harness) == []

    # A new model of the same topic
    fresh = make_harness(learner)
    fresh.settings = fresh.settings.model_copy(
        update={"topics": fresh.settings.topics.model_copy(update={"events": harness.settings.events_topic})}
    )
    share_events(harness.log, fresh.log, harness.settings.events_topic)
    fresh.place.settings = fresh.settings
    fresh.crash(0)
    fresh.settle()
    report = verify_log(fresh.log, subject_of(fresh.settings))
    assert report.verdict == "equal"
    assert {row.insert.record_id for row in fresh.replayed().rows.values() if row.death is None} == {*"acexyzvwut"}


def lost(harness: SimulationHarness) -> list[tuple[int, int]]:
    state_of = states(harness.redis, harness.settings.model)
    since = stopped_for_loss(harness.settings, harness.log, state_of)
    assert set(since) == {0}
    found = lost_deletions(harness.settings, harness.log, state_of, parser_of(harness.place.learner), since)
    return [(one.partition, one.offset) for one in found]


def again(harness: SimulationHarness, record: str, offset: int) -> None:
    """The deletion as it was, with its event id, at the log's end."""
    name = next(receipt.event_id for receipt in harness.receipts() if receipt.offset == offset)
    event = delete(record, event_id=name)
    harness.log.append(harness.settings.events_topic, 0, record.encode(), encode(event), ())


def share_events(source: MemoryLog, target: MemoryLog, topic: str) -> None:
    target.create_topic(topic, 1)
    target._topics[topic] = source._topics[topic]


def test_a_partition_that_goes_on_has_lost_nothing(make_harness: MakeHarness) -> None:
    harness, *_ = story(make_harness)

    assert stopped_for_loss(harness.settings, harness.log, states(harness.redis, harness.settings.model)) == {}


def test_the_log_alone_has_lost_its_end(make_harness: MakeHarness) -> None:
    """Redis knows more: the deletions are listed all the same."""
    harness, _, at = story(make_harness)
    harness.log.cut(harness.settings.events_topic, 0, at)
    harness.crash(0)

    stops(harness, "events were lost or truncated")
    assert lost(harness) == [(0, at)]
