"""Orders of things that random tests rarely meet, one by one."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.scene import Scene
from unlearn.publishing.receipts import Receipts
from unlearn.simulate.fault_injection import Later, SlowTrainers
from unlearn.storage.slice_files import read_slice

both = pytest.mark.parametrize("learner", ["linear", "naive-bayes"])


def kill(scene: Scene, kind: str, record: str, subject: str) -> None:
    if kind == "delete":
        scene.delete(record, subject)
    elif kind == "update":
        scene.insert(record, subject, revision=1)
    else:
        scene.delete(subject=subject)


def holes(scene: Scene, end: int, shard: int = 0) -> set[int]:
    client: Any = scene.redis
    return {int(slot) for slot in client.hkeys(f"{{{scene.settings.model}:0}}:holes:{shard}:{end - 5}")}


# -- a slice ends


@both
@pytest.mark.parametrize("kind", ["delete", "update", "subject"])
def test_a_kill_in_a_slice_whose_file_is_being_written(make_scene: MakeScene, learner: str, kind: str) -> None:
    scene = make_scene(learner)
    scene.settle()
    scene.set_late(jobs=True, sends=False)
    scene.insert("a", "s")
    scene.inserts("b", "c", "d", "e")
    scene.until(lambda: scene.owned.sealing)
    scene.place.sweeping = kind != "subject"

    kill(scene, kind, "a", "s")
    scene.step()
    assert scene.owned.sealing is not None
    assert scene.owned.view.applied == 6
    assert scene.owned.view.registered == 0
    scene.members[0].later.work()
    scene.step()

    held = scene.owned.view.slices[0, 5]
    assert held.rows == 5, "the file was chosen before the kill"
    assert held.live == (5 if kind == "subject" else 4), "a clean-up will come"
    assert holes(scene, 5) == (set() if kind == "subject" else {0})
    scene.place.sweeping = True
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    assert not scene.counted()["lineage_mismatches"]
    scene.check()


# -- a job, and kills that come while it runs


@both
@pytest.mark.parametrize("kind", ["delete", "update", "subject"])
@pytest.mark.parametrize(
    ("reading", "hit"), [(0, 5), (10, 5), (10, 10), (5, 15), (15, 15), (10, 20)], ids=lambda end: f"s{end}"
)
def test_a_kill_while_a_job_reads(
    make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch, learner: str, kind: str, reading: int, hit: int
) -> None:
    """In a slice that the job has learned, is learning, will learn, or knows nothing of; 0: before it starts."""
    scene = make_scene(learner)
    with monkeypatch.context() as patched:
        patched.setattr(SlowTrainers, "free", 0)
        for end in (5, 10, 15):
            scene.insert(f"r{end}", f"s{end}")
            scene.inserts(*(f"{end}-{i}" for i in range(4)))
        scene.settle_applied()
    scene.set_late(jobs=True, sends=False)
    scene.until(lambda: scene.owned.running)
    job = scene.owned.running[0].job
    assert [part.end for part in job.learn] == [5, 10, 15]
    scene.insert("r20", "s20")
    scene.step()

    def strike() -> None:
        kill(scene, kind, f"r{hit}", f"s{hit}")
        scene.step()

    if reading:
        read_slice.cache_clear()
        scene.on_read({part.end: part.file for part in job.learn}[reading], strike)
    else:
        strike()
    scene.members[0].later.work()
    assert scene.owned.view.applied == 17
    scene.step()

    assert scene.owned.counters["overtaken"] == 1
    states = scene.stored().states
    if learner == "linear":
        assert all(through <= hit - 5 for _, through in states)
        assert len(states) == min(3, hit // 5 - 1)
    elif hit <= 15:
        assert scene.stored().hits[0] == 17
        assert all(state.applied <= 16 for state in states.values())
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    assert not scene.counted()["lineage_mismatches"]
    scene.check()


# -- a pointer is swapped


@both
def test_no_pointer_is_swapped_under_a_job_that_reads(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner)
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    scene.delete("b")
    scene.until(lambda: scene.owned.view.applied == 6 and not scene.owned.running)
    scene.set_late(jobs=True, sends=False)
    scene.until(lambda: scene.owned.rewriting)
    old = scene.owned.view.slices[0, 5].file
    scene.delete("c")
    scene.until(lambda: scene.owned.running)
    job = scene.owned.running[0].job
    assert [part.file for part in (*job.learn, *job.forget)] == [old]
    scene.place.now += 200.0
    scene.members[0].later._kept.popleft()()  # the rewriting alone
    scene.step()

    assert scene.owned.rewriting is None
    assert scene.owned.view.slices[0, 5].file == old
    assert not scene.owned.counters["rewritten"]
    assert old in scene.store.files
    assert scene.owned.running
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    assert scene.owned.counters["rewritten"] >= 1
    assert scene.owned.view.slices[0, 5].file != old
    scene.collect()
    scene.settle()
    assert old not in scene.store.files
    scene.check()


def test_what_a_running_job_reads_is_no_garbage(make_scene: MakeScene) -> None:
    """A kill drops the state that the job goes on from; nothing else names its file any more."""
    scene = make_scene("linear")
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    jobs = Later()
    jobs.late = True
    scene.members[0].trainers._later = jobs
    scene.inserts("f", "g", "h", "i", "j")
    scene.until(lambda: scene.owned.running)
    base = scene.owned.running[0].job.base
    assert base is not None
    scene.delete("a")
    for _ in range(4):
        scene.place.now += 200.0
        scene.step()
    assert not scene.stored().states
    assert base[1].file not in {entry.file for entry in scene.manifest.shards}
    assert scene.owned.running

    jobs.late = False
    jobs.work()
    scene.settle()
    assert not scene.counted()["jobs_failed"]
    scene.collect()
    scene.settle()
    assert base[1].file not in scene.store.files
    scene.check()


# -- the clean-up of a subject


def flood(scene: Scene) -> None:
    """A subject with rows in two files and in the open slice, one updated, one deleted by itself."""
    scene.inserts("a", "b", "c", subject="s")
    scene.inserts("p", "q")
    scene.seal()
    scene.inserts("d", "e", "f", subject="s")
    scene.insert("a", "s", revision=1)
    scene.inserts("r", "t")
    scene.seal()
    scene.settle()
    scene.inserts("g", "h", "i", subject="s")
    scene.run(2, wait=0.1)
    scene.delete("b", "s")
    scene.delete(subject="s")
    scene.insert("c", "s", revision=1)
    scene.delete("d", "s")


@both
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_other_call_of_a_clean_up(make_scene: MakeScene, learner: str, after: bool) -> None:
    taken: Counter[str] = Counter()
    for calls in count(0, 2):
        scene = make_scene(learner, span=100)
        flood(scene)
        scene.fuse(calls, after, 0)
        scene.live(8, wait=0.1)
        walked = scene.counted().get("crashes", 0)
        taken["crashes"] += walked
        scene.place.fuse.disarm()
        scene.settle()
        taken["chunks"] += 1
        scene.check()
        if not walked:
            break

    assert taken["crashes"] >= 12
    assert taken["chunks"] == taken["crashes"] + 1


@both
def test_redis_back_at_every_chunk_of_a_clean_up(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner, span=100)
    flood(scene)
    cursors, pasts = [], []
    for _ in range(60):
        scene.run(wait=0.1)
        cursors += [cleanup.cursor for cleanup in scene.stored().cleanups.values()]
        pasts.append(scene.remember())
        if not scene.stored().cleanups and scene.stored().applied > 19:
            break
    assert len(set(cursors)) >= 3, "its chunks lie apart"
    scene.settle()
    for past in pasts:
        scene.go_back(past)
        scene.settle()

    assert scene.counted()["rolled_back"] >= len(pasts) - 1
    scene.check()


# -- update and delete in one batch


@both
@pytest.mark.parametrize("revision", [None, 0, 1])
@pytest.mark.parametrize("delete_first", [False, True])
def test_update_and_delete_of_a_published_record_in_one_batch(
    make_scene: MakeScene, learner: str, revision: int | None, delete_first: bool
) -> None:
    scene = make_scene(learner)
    old, *_ = scene.inserts("r", "b", "c", "d", "e")
    scene.settle()
    assert scene.features(scene.manifest) >= {old}
    said = len(scene.manifests())

    scene.set_late(jobs=True, sends=False)
    if delete_first:
        scene.delete("r", revision=revision)
    new = scene.insert("r", revision=1)
    if not delete_first:
        scene.delete("r", revision=revision)
    scene.step()

    lives = revision == 0
    assert scene.owned.view.applied == 7, "one batch"
    assert scene.stored().hits[0] == 6
    assert scene.owned.counters["deletes"] == 1
    assert scene.owned.counters["updates"] == (not delete_first)
    if learner == "linear":
        assert not scene.stored().states
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    for _, manifest in scene.manifests()[said:]:
        seen = scene.features(manifest)
        assert old not in seen
        assert lives or new not in seen
    assert (new in scene.features(scene.manifest)) == lives
    scene.check()


# -- the list of item 11


@both
def test_a_rollback_that_loses_a_registration_alone(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner)
    scene.settle()
    scene.set_late(jobs=True, sends=False)
    scene.inserts("a", "b", "c", "d", "e")
    scene.until(lambda: scene.owned.sealing)
    past = scene.remember()
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    before = scene.stored()
    assert (before.registered, before.applied) == (5, 5)

    scene.go_back(past)
    assert (scene.stored().registered, scene.stored().applied) == (0, 5)
    scene.settle()

    assert scene.worker.counters["rolled_back"] == 1
    assert not scene.owned.counters["rolled_back"], "there was nothing to catch up with"
    assert scene.owned.counters["slices"] == 1
    assert scene.stored().registered == 5
    scene.check()


@both
@pytest.mark.parametrize("kind", ["delete", "update", "subject"])
def test_a_kill_replayed_before_its_slice_is_registered_again(make_scene: MakeScene, learner: str, kind: str) -> None:
    scene = make_scene(learner)
    scene.settle()
    scene.set_late(jobs=True, sends=False)
    scene.insert("a", "s")
    scene.inserts("b", "c", "d", "e")
    scene.until(lambda: scene.owned.sealing)
    past = scene.remember()
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    kill(scene, kind, "a", "s")
    scene.settle()
    assert scene.stored().registered >= 5

    scene.place.sweeping = False
    scene.go_back(past)
    scene.set_late(jobs=True, sends=False)
    scene.place.now += 6.0
    scene.until(lambda: 0 in scene.worker.owned and scene.owned.token.counter == 2 and scene.owned.view.applied >= 6)
    assert scene.owned.view.registered == 0
    assert scene.stored().hits[0] == 6
    assert holes(scene, 5) == (set() if kind == "subject" else {0})
    scene.set_late(jobs=False, sends=False)
    scene.run(2)
    assert scene.stored().registered >= 5
    scene.place.sweeping = True
    scene.settle()

    assert scene.owned.counters["slices"] >= 1
    scene.check()


@both
@pytest.mark.parametrize("tail", [False, True])
def test_an_open_row_of_a_deleted_subject_across_a_claim(make_scene: MakeScene, learner: str, tail: bool) -> None:
    scene = make_scene(learner)
    scene.settle()
    scene.place.sweeping = False
    scene.inserts("x", "y", subject="s")
    scene.insert("z")
    scene.step()
    if tail:
        scene.place.now += 61.0
        scene.owned.rows_since = None
        scene.step()
        scene.step()
        assert scene.stored().meta["tail"]
    scene.delete(subject="s")
    scene.step()
    assert len(scene.stored().cleanups) == 1

    scene.crash(0)
    scene.step()
    assert scene.worker.counters["claims"] == 1
    assert len(scene.owned.open_rows) == 3, "a covered row is kept until its hole is recorded"
    scene.seal()
    for _ in range(4):
        scene.step()
    (held,) = scene.stored().slices.values()
    assert (held.rows, held.live) == (3, 3)
    scene.place.sweeping = True
    scene.settle()

    (held,) = scene.stored().slices.values()
    assert held.live == 1
    scene.check()


@both
@pytest.mark.parametrize("kind", ["delete", "subject"])
@pytest.mark.parametrize("record", ["a", "b", "c"])
def test_a_receipt_that_comes_too_early_is_caught_in_every_run(
    make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch, learner: str, kind: str, record: str
) -> None:
    """The checks' own check: `hidden` is said at once, before any manifest hides anything."""
    scene = make_scene(learner)
    for name in ("a", "b", "c", "d", "e"):
        scene.insert(name, f"s{name}")
    scene.settle()
    monkeypatch.setattr(Receipts, "_hidden_by", lambda *_: 0)
    monkeypatch.setattr(Receipts, "turn", _without_looking(Receipts.turn))
    scene.set_late(jobs=True, sends=False)
    kill(scene, kind, record, f"s{record}")

    with pytest.raises(AssertionError, match="a scorer serves who is gone"):
        scene.steps(3)
    assert scene.hidden() == {5}


def _without_looking(send: Any) -> Any:
    def send_receipts(self: Receipts, owned: Any, results: Any) -> None:
        manifest, owned.manifest = owned.manifest, None
        try:
            send(self, owned, results)
        finally:
            owned.manifest = manifest

    return send_receipts
