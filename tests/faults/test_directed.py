"""Orders of things that random tests rarely meet, one by one."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import pytest

from tests.faults.conftest import MakeHarness
from tests.harness.simulation_harness import SimulationHarness
from unlearn.publishing.receipts import Receipts
from unlearn.simulate.fault_injection import Later, SlowTrainers
from unlearn.storage.slice_files import LAST_READ

both = pytest.mark.parametrize("learner", ["linear", "naive-bayes"])


def kill(harness: SimulationHarness, kind: str, record: str, subject: str) -> None:
    if kind == "delete":
        harness.delete(record, subject)
    elif kind == "update":
        harness.insert(record, subject, revision=1)
    else:
        harness.delete(subject=subject)


def holes(harness: SimulationHarness, end: int, shard: int = 0) -> set[int]:
    client: Any = harness.redis
    return {int(slot) for slot in client.hkeys(f"{{{harness.settings.model}:0}}:holes:{shard}:{end - 5}")}


# -- a slice ends


@both
@pytest.mark.parametrize("kind", ["delete", "update", "subject"])
def test_a_kill_in_a_slice_whose_file_is_being_written(make_harness: MakeHarness, learner: str, kind: str) -> None:
    harness = make_harness(learner)
    harness.settle()
    harness.set_late(jobs=True, sends=False)
    harness.insert("a", "s")
    harness.inserts("b", "c", "d", "e")
    harness.until(lambda: harness.owned.sealing)
    harness.place.sweeping = kind != "subject"

    kill(harness, kind, "a", "s")
    harness.step()
    assert harness.owned.sealing is not None
    assert harness.owned.view.applied == 6
    assert harness.owned.view.registered == 0
    harness.members[0].later.work()
    harness.step()

    held = harness.owned.view.slices[0, 5]
    assert held.rows == 5, "the file was chosen before the kill"
    assert held.live == (5 if kind == "subject" else 4), "a clean-up will come"
    assert holes(harness, 5) == (set() if kind == "subject" else {0})
    harness.place.sweeping = True
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    assert not harness.counted()["lineage_mismatches"]
    harness.check()


# -- a job, and kills that come while it runs


@both
@pytest.mark.parametrize("kind", ["delete", "update", "subject"])
@pytest.mark.parametrize(
    ("reading", "hit"), [(0, 5), (10, 5), (10, 10), (5, 15), (15, 15), (10, 20)], ids=lambda end: f"s{end}"
)
def test_a_kill_while_a_job_reads(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch, learner: str, kind: str, reading: int, hit: int
) -> None:
    """In a slice that the job has learned, is learning, will learn, or knows nothing of; 0: before it starts."""
    harness = make_harness(learner)
    with monkeypatch.context() as patched:
        patched.setattr(SlowTrainers, "free", 0)
        for end in (5, 10, 15):
            harness.insert(f"r{end}", f"s{end}")
            harness.inserts(*(f"{end}-{i}" for i in range(4)))
        harness.settle_applied()
    harness.set_late(jobs=True, sends=False)
    harness.until(lambda: harness.owned.running)
    job = harness.owned.running[0].job
    assert [part.end for part in job.learn] == [5, 10, 15]
    harness.insert("r20", "s20")
    harness.step()

    def strike() -> None:
        kill(harness, kind, f"r{hit}", f"s{hit}")
        harness.step()

    if reading:
        LAST_READ.clear()
        harness.on_read({part.end: part.file for part in job.learn}[reading], strike)
    else:
        strike()
    harness.members[0].later.work()
    assert harness.owned.view.applied == 17
    harness.step()

    assert harness.owned.counters["overtaken"] == 1
    states = harness.stored().states
    if learner == "linear":
        assert all(through <= hit - 5 for _, through in states)
        assert len(states) == min(3, hit // 5 - 1)
    elif hit <= 15:
        assert harness.stored().hits[0] == 17
        assert all(state.applied <= 16 for state in states.values())
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    assert not harness.counted()["lineage_mismatches"]
    harness.check()


# -- a pointer is swapped


@both
def test_no_pointer_is_swapped_under_a_job_that_reads(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner)
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    harness.delete("b")
    harness.until(lambda: harness.owned.view.applied == 6 and not harness.owned.running)
    harness.set_late(jobs=True, sends=False)
    harness.until(lambda: harness.owned.rewriting)
    old = harness.owned.view.slices[0, 5].file
    harness.delete("c")
    harness.until(lambda: harness.owned.running)
    job = harness.owned.running[0].job
    assert [part.file for part in (*job.learn, *job.forget)] == [old]
    harness.place.now += 200.0
    harness.members[0].later._kept.popleft()()  # the rewriting alone
    harness.step()

    assert harness.owned.rewriting is None
    assert harness.owned.view.slices[0, 5].file == old
    assert not harness.owned.counters["rewritten"]
    assert old in harness.store.files
    assert harness.owned.running
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    assert harness.owned.counters["rewritten"] >= 1
    assert harness.owned.view.slices[0, 5].file != old
    harness.collect()
    harness.settle()
    assert old not in harness.store.files
    harness.check()


def test_what_a_running_job_reads_is_no_garbage(make_harness: MakeHarness) -> None:
    """A kill drops the state that the job goes on from; nothing else names its file any more."""
    harness = make_harness("linear")
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    jobs = Later()
    jobs.late = True
    harness.members[0].trainers._later = jobs
    harness.inserts("f", "g", "h", "i", "j")
    harness.until(lambda: harness.owned.running)
    base = harness.owned.running[0].job.base
    assert base is not None
    harness.delete("a")
    for _ in range(4):
        harness.place.now += 200.0
        harness.step()
    assert not harness.stored().states
    assert base[1].file not in {entry.file for entry in harness.manifest.shards}
    assert harness.owned.running

    jobs.late = False
    jobs.work()
    harness.settle()
    assert not harness.counted()["jobs_failed"]
    harness.collect()
    harness.settle()
    assert base[1].file not in harness.store.files
    harness.check()


# -- the clean-up of a subject


def flood(harness: SimulationHarness) -> None:
    """A subject with rows in two files and in the open slice, one updated, one deleted by itself."""
    harness.inserts("a", "b", "c", subject="s")
    harness.inserts("p", "q")
    harness.seal()
    harness.inserts("d", "e", "f", subject="s")
    harness.insert("a", "s", revision=1)
    harness.inserts("r", "t")
    harness.seal()
    harness.settle()
    harness.inserts("g", "h", "i", subject="s")
    harness.run(2, wait=0.1)
    harness.delete("b", "s")
    harness.delete(subject="s")
    harness.insert("c", "s", revision=1)
    harness.delete("d", "s")


@both
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_other_call_of_a_clean_up(make_harness: MakeHarness, learner: str, after: bool) -> None:
    taken: Counter[str] = Counter()
    for calls in count(0, 2):
        harness = make_harness(learner, span=100)
        flood(harness)
        harness.fuse(calls, after, 0)
        harness.live(8, wait=0.1)
        walked = harness.counted().get("crashes", 0)
        taken["crashes"] += walked
        harness.place.fuse.disarm()
        harness.settle()
        taken["chunks"] += 1
        harness.check()
        if not walked:
            break

    assert taken["crashes"] >= 12
    assert taken["chunks"] == taken["crashes"] + 1


@both
def test_redis_back_at_every_chunk_of_a_clean_up(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner, span=100)
    flood(harness)
    cursors, pasts = [], []
    for _ in range(60):
        harness.run(wait=0.1)
        cursors += [cleanup.cursor for cleanup in harness.stored().cleanups.values()]
        pasts.append(harness.remember())
        if not harness.stored().cleanups and harness.stored().applied > 19:
            break
    assert len(set(cursors)) >= 3, "its chunks lie apart"
    harness.settle()
    for past in pasts:
        harness.go_back(past)
        harness.settle()

    assert harness.counted()["rolled_back"] >= len(pasts) - 1
    harness.check()


# -- update and delete in one batch


@both
@pytest.mark.parametrize("revision", [None, 0, 1])
@pytest.mark.parametrize("delete_first", [False, True])
def test_update_and_delete_of_a_published_record_in_one_batch(
    make_harness: MakeHarness, learner: str, revision: int | None, delete_first: bool
) -> None:
    harness = make_harness(learner)
    old, *_ = harness.inserts("r", "b", "c", "d", "e")
    harness.settle()
    assert harness.features(harness.manifest) >= {old}
    said = len(harness.manifests())

    harness.set_late(jobs=True, sends=False)
    if delete_first:
        harness.delete("r", revision=revision)
    new = harness.insert("r", revision=1)
    if not delete_first:
        harness.delete("r", revision=revision)
    harness.step()

    lives = revision == 0
    assert harness.owned.view.applied == 7, "one batch"
    assert harness.stored().hits[0] == 6
    assert harness.owned.counters["deletes"] == 1
    assert harness.owned.counters["updates"] == (not delete_first)
    if learner == "linear":
        assert not harness.stored().states
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    for _, manifest in harness.manifests()[said:]:
        seen = harness.features(manifest)
        assert old not in seen
        assert lives or new not in seen
    assert (new in harness.features(harness.manifest)) == lives
    harness.check()


# -- the list of item 11


@both
def test_a_rollback_that_loses_a_registration_alone(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner)
    harness.settle()
    harness.set_late(jobs=True, sends=False)
    harness.inserts("a", "b", "c", "d", "e")
    harness.until(lambda: harness.owned.sealing)
    past = harness.remember()
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    before = harness.stored()
    assert (before.registered, before.applied) == (5, 5)

    harness.go_back(past)
    assert (harness.stored().registered, harness.stored().applied) == (0, 5)
    harness.settle()

    assert harness.worker.counters["rolled_back"] == 1
    assert not harness.owned.counters["rolled_back"], "there was nothing to catch up with"
    assert harness.owned.counters["slices"] == 1
    assert harness.stored().registered == 5
    harness.check()


@both
@pytest.mark.parametrize("kind", ["delete", "update", "subject"])
def test_a_kill_replayed_before_its_slice_is_registered_again(
    make_harness: MakeHarness, learner: str, kind: str
) -> None:
    harness = make_harness(learner)
    harness.settle()
    harness.set_late(jobs=True, sends=False)
    harness.insert("a", "s")
    harness.inserts("b", "c", "d", "e")
    harness.until(lambda: harness.owned.sealing)
    past = harness.remember()
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    kill(harness, kind, "a", "s")
    harness.settle()
    assert harness.stored().registered >= 5

    harness.place.sweeping = False
    harness.go_back(past)
    harness.set_late(jobs=True, sends=False)
    harness.place.now += 6.0
    harness.until(
        lambda: 0 in harness.worker.owned and harness.owned.token.counter == 2 and harness.owned.view.applied >= 6
    )
    assert harness.owned.view.registered == 0
    assert harness.stored().hits[0] == 6
    assert holes(harness, 5) == (set() if kind == "subject" else {0})
    harness.set_late(jobs=False, sends=False)
    harness.run(2)
    assert harness.stored().registered >= 5
    harness.place.sweeping = True
    harness.settle()

    assert harness.owned.counters["slices"] >= 1
    harness.check()


@both
@pytest.mark.parametrize("tail", [False, True])
def test_an_open_row_of_a_deleted_subject_across_a_claim(make_harness: MakeHarness, learner: str, tail: bool) -> None:
    harness = make_harness(learner)
    harness.settle()
    harness.place.sweeping = False
    harness.inserts("x", "y", subject="s")
    harness.insert("z")
    harness.step()
    if tail:
        harness.place.now += 61.0
        harness.owned.rows_since = None
        harness.step()
        harness.step()
        assert harness.stored().meta["tail"]
    harness.delete(subject="s")
    harness.step()
    assert len(harness.stored().cleanups) == 1

    harness.crash(0)
    harness.step()
    assert harness.worker.counters["claims"] == 1
    assert len(harness.owned.open_rows) == 3, "a covered row is kept until its hole is recorded"
    harness.seal()
    for _ in range(4):
        harness.step()
    (held,) = harness.stored().slices.values()
    assert (held.rows, held.live) == (3, 3)
    harness.place.sweeping = True
    harness.settle()

    (held,) = harness.stored().slices.values()
    assert held.live == 1
    harness.check()


@both
@pytest.mark.parametrize("kind", ["delete", "subject"])
@pytest.mark.parametrize("record", ["a", "b", "c"])
def test_a_receipt_that_comes_too_early_is_caught_in_every_run(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch, learner: str, kind: str, record: str
) -> None:
    """The checks' own check: `hidden` is said at once, before any manifest hides anything."""
    harness = make_harness(learner)
    for name in ("a", "b", "c", "d", "e"):
        harness.insert(name, f"s{name}")
    harness.settle()
    monkeypatch.setattr(Receipts, "_hidden_by", lambda *_: 0)
    monkeypatch.setattr(Receipts, "turn", _without_looking(Receipts.turn))
    harness.set_late(jobs=True, sends=False)
    kill(harness, kind, record, f"s{record}")

    with pytest.raises(AssertionError, match="a scorer serves who is gone"):
        harness.steps(3)
    assert harness.hidden() == {5}


def _without_looking(send: Any) -> Any:
    def send_receipts(self: Receipts, owned: Any, results: Any) -> None:
        manifest, owned.manifest = owned.manifest, None
        try:
            send(self, owned, results)
        finally:
            owned.manifest = manifest

    return send_receipts
