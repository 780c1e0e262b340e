"""The ends of the log and of Redis are gone together; the results topic alone still tells what was applied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.scene import Past, Scene
from unlearn.admin.lost_deletions import lost_deletions, stopped_for_loss
from unlearn.admin.status import StatusReader
from unlearn.events.parsing import parser_of
from unlearn.log.memory import MemoryLog
from unlearn.log.protocol import Entry
from unlearn.results.manifest import read_manifest
from unlearn.simulate.members import Member
from unlearn.state.keys import Keys
from unlearn.verification.from_log import subject_of, verify_log
from unlearn.worker.lifecycle import states

LEARNERS = ("linear", "naive-bayes")


def story(make_scene: MakeScene, learner: str = "linear") -> tuple[Scene, Past, int]:
    """Five records; then, past what will be left of Redis, a deletion with its receipt. (scene, Redis, its offset)"""
    scene = make_scene(learner)
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    past = scene.remember()
    at = scene.delete("b")
    scene.inserts("f", "g")
    scene.settle()
    assert at in scene.hidden()
    return scene, past, at


def end_of(scene: Scene) -> int:
    return scene.log.bounds(scene.settings.events_topic)[0][1]


def lose(scene: Scene, past: Past, end: int) -> None:
    """The log from `end` on, and what Redis has learned since `past`; the worker is gone."""
    scene.log.cut(scene.settings.events_topic, 0, end)
    scene.go_back(past)
    scene.crash(0)


def stops(scene: Scene, words: str) -> None:
    """Before anything is applied, and with what to do."""
    before, said, hidden = scene.stored().applied, len(scene.manifests()), scene.hidden()
    scene.run(10, wait=3.0)
    assert scene.worker.owned == {}
    why = scene.worker.stopped[0]
    assert words in why
    for help_ in ("unlearn resolve", "UNLEARN_MODEL", f"UNLEARN_TOPICS__EVENTS={scene.settings.events_topic}"):
        assert help_ in why
    assert (scene.stored().applied, len(scene.manifests()), scene.hidden()) == (before, said, hidden)
    reader = StatusReader(scene.settings, scene.log, scene.redis, scene.place.learner.forgets)
    assert reader.read().partitions[0].stopped == why
    reader.close()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_the_log_ends_before_what_the_newest_manifest_has_applied(
    make_scene: MakeScene, learner: str, lost: int
) -> None:
    scene, past, _ = story(make_scene, learner)
    lose(scene, past, end_of(scene) - lost)

    stops(scene, "the ends of the log and of Redis are gone")


@pytest.mark.parametrize("more", [0, 1, 7])
@pytest.mark.parametrize("learner", LEARNERS)
def test_the_log_has_grown_again(make_scene: MakeScene, learner: str, more: int) -> None:
    """Up to where the newest manifest was, or past it."""
    scene, past, at = story(make_scene, learner)
    applied = scene.manifest.applied
    lose(scene, past, at)
    for _ in range(applied + more - end_of(scene)):
        scene.insert(f"new{end_of(scene)}")

    stops(scene, "truncated and has grown again")


def test_the_log_has_grown_again_with_the_very_same_last_record(make_scene: MakeScene) -> None:
    """Seals are all alike; the moment of their appending tells them apart."""
    scene = make_scene()
    scene.inserts("a", "b", "c")
    scene.settle()
    past = scene.remember()
    at = scene.delete("b")
    scene.seal()
    scene.settle()
    lose(scene, past, at)
    scene.insert("x")
    scene.seal()

    stops(scene, "truncated and has grown again")


def test_the_log_has_grown_again_and_nothing_stands_where_the_last_record_was(make_scene: MakeScene) -> None:
    """A marker, or what was aborted, is no record."""
    scene, past, at = story(make_scene)
    lose(scene, past, at)
    scene.log.gap(scene.settings.events_topic, 0, 20)

    stops(scene, "truncated and has grown again")


def test_only_redis_has_lost_its_end(make_scene: MakeScene) -> None:
    scene, past, _ = story(make_scene)
    scene.go_back(past)
    scene.crash(0)
    scene.inserts("h", "i")
    scene.settle(most=1)

    assert scene.owned.counters["rolled_back"] == 1
    scene.check()


def test_the_last_offsets_applied_held_no_record(make_scene: MakeScene) -> None:
    """Transaction markers are no loss, whatever has come in their place."""
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    past = scene.remember()
    scene.log.gap(scene.settings.events_topic, 0, 3)
    scene.settle()
    assert scene.manifest.applied == end_of(scene)
    scene.go_back(past)
    scene.crash(0)
    scene.insert("f")
    scene.settle()

    scene.check()


def test_retention_has_taken_the_last_record_applied(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    past = scene.remember()
    scene.log.gap(scene.settings.events_topic, 0, 3)
    scene.settle()
    scene.go_back(past)
    scene.log.truncate(scene.settings.events_topic, 0, scene.stored().applied)
    scene.crash(0)
    scene.insert("f")
    scene.settle()

    assert scene.owned.counters["rolled_back"] == 1
    assert scene.hidden() == set()
    assert scene.manifest.applied == end_of(scene)


def test_a_live_owner_meets_it_at_its_next_claim(make_scene: MakeScene) -> None:
    scene, past, at = story(make_scene)
    scene.log.cut(scene.settings.events_topic, 0, at)
    scene.go_back(past)

    scene.run(3, wait=3.0)
    assert scene.worker.owned == {}
    assert "beyond the log's end" in scene.worker.stopped[0]
    assert "unlearn resolve" in scene.worker.stopped[0]
    scene.crash(0)
    stops(scene, "the ends of the log and of Redis are gone")


def zombies_late_manifest(make_scene: MakeScene) -> tuple[Scene, Past, Member]:
    """A worker has applied a deletion and is about to publish; Redis goes back, and another takes over before it."""
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    past = scene.remember()
    scene.delete("b")
    scene.inserts("f", "g", "h")
    scene.set_late(jobs=False, sends=True)
    scene.until(lambda: scene.owned.publishing and scene.owned.publishing.manifest.applied == end_of(scene))
    zombie = scene.freeze()
    scene.set_late(jobs=False, sends=False)
    return scene, past, zombie


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("regrown", [True, False])
def test_a_zombies_manifest_is_the_only_one_that_tells(make_scene: MakeScene, live: bool, regrown: bool) -> None:
    """Its order is behind its successor's, what it has applied is ahead."""
    scene, past, zombie = zombies_late_manifest(make_scene)
    applied = end_of(scene)
    scene.log.cut(scene.settings.events_topic, 0, applied - 4)
    scene.go_back(past)
    scene.run(3)
    if live:
        assert scene.owned.token.counter == 2
    zombie.wire.sends.land()
    if not live:
        scene.crash(0)
    for _ in range(applied + 3 - end_of(scene) if regrown else 0):
        scene.insert(f"new{end_of(scene)}")

    stops(scene, "truncated and has grown again" if regrown else "the ends of the log and of Redis are gone")


def without_marks(entry: Entry) -> Entry:
    """As a worker of before fingerprints and proofs wrote it."""
    if read_manifest(entry.value or b"") is None:
        return entry
    fields: dict[str, Any] = json.loads(entry.value or b"")
    kept = {name: value for name, value in fields.items() if name not in ("fingerprint", "proof")}
    return entry._replace(value=json.dumps(kept).encode())


def made_before(scene: Scene) -> None:
    place = scene.log.partition(scene.settings.results_topic, 0)
    place.entries = [without_marks(entry) for entry in place.entries]
    client: Any = scene.redis
    client.hdel(Keys(scene.settings.model, 0).meta, "proven", "fp_time")


@pytest.mark.parametrize("applied_more", [True, False])
def test_manifests_of_before_there_were_fingerprints(make_scene: MakeScene, applied_more: bool) -> None:
    """What they have applied tells; a log that is long enough is believed, as it was."""
    scene, past, _ = story(make_scene)
    end = end_of(scene)
    scene.go_back(past)
    made_before(scene)
    scene.crash(0)
    if applied_more:
        scene.log.cut(scene.settings.events_topic, 0, end - 1)
        stops(scene, "the ends of the log and of Redis are gone")
    else:
        scene.settle()
        scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_what_status_says_to_do_leads_to_a_model_without_whom_was_forgotten(
    make_scene: MakeScene, learner: str
) -> None:
    scene, past, at = story(make_scene, learner)
    later = scene.delete("d")
    scene.settle()
    lose(scene, past, at)
    scene.inserts("x", "y", "z", "v", "w", "u", "t")
    stops(scene, "grown again")

    # Both deletions are known by their receipts, until they are sent again
    assert lost(scene) == [(0, at), (0, later)]
    again(scene, "b", at)
    assert lost(scene) == [(0, later)]
    again(scene, "d", later)
    assert lost(scene) == []

    # A new model of the same topic
    fresh = make_scene(learner)
    fresh.settings = fresh.settings.model_copy(
        update={"topics": fresh.settings.topics.model_copy(update={"events": scene.settings.events_topic})}
    )
    share_events(scene.log, fresh.log, scene.settings.events_topic)
    fresh.place.settings = fresh.settings
    fresh.crash(0)
    fresh.settle()
    report = verify_log(fresh.log, subject_of(fresh.settings))
    assert report.verdict == "equal"
    assert {row.insert.record_id for row in fresh.replayed().rows.values() if row.death is None} == {*"acexyzvwut"}


def lost(scene: Scene) -> list[tuple[int, int]]:
    state_of = states(scene.redis, scene.settings.model)
    since = stopped_for_loss(scene.settings, scene.log, state_of)
    assert set(since) == {0}
    found = lost_deletions(scene.settings, scene.log, state_of, parser_of(scene.place.learner), since)
    return [(one.partition, one.offset) for one in found]


def again(scene: Scene, record: str, offset: int) -> None:
    """The deletion as it was, with its event id, at the log's end."""
    records = scene.log.read(scene.settings.receipts_topic, 0, 0, 1 << 60)
    receipts = [json.loads(record.value or b"") for record in records]
    name = next(receipt["event_id"] for receipt in receipts if receipt["offset"] == offset)
    event = {"type": "delete", "event_id": name, "record_id": record, "requested_at": "2023-01-01"}
    scene.log.append(scene.settings.events_topic, 0, record.encode(), json.dumps(event).encode(), ())


def share_events(source: MemoryLog, target: MemoryLog, topic: str) -> None:
    target.create_topic(topic, 1)
    target._topics[topic] = source._topics[topic]


def test_a_partition_that_goes_on_has_lost_nothing(make_scene: MakeScene) -> None:
    scene, *_ = story(make_scene)

    assert stopped_for_loss(scene.settings, scene.log, states(scene.redis, scene.settings.model)) == {}


def test_the_log_alone_has_lost_its_end(make_scene: MakeScene) -> None:
    """Redis knows more: the deletions are listed all the same."""
    scene, _, at = story(make_scene)
    scene.log.cut(scene.settings.events_topic, 0, at)
    scene.crash(0)

    stops(scene, "events were lost or truncated")
    assert lost(scene) == [(0, at)]
