"""An owner that stopped for too long goes on: in mid-gate, mid-send, mid-file, with a token like its successor's."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeHarness
from tests.harness.model_data import records
from tests.harness.simulation_harness import SimulationHarness, in_flight
from unlearn.results.manifest import Manifest
from unlearn.simulate.members import Member

LEARNERS = ("linear", "naive-bayes")


def newest(harness: SimulationHarness) -> Manifest:
    manifest = harness.results().of(0).manifest
    assert manifest is not None
    return manifest


def zombie_of(harness: SimulationHarness, *, equal: bool = True, sequence: int = 20) -> tuple[Member, Manifest]:
    """An owner frozen with its first manifest on the way, which holds "b"; Redis forgets that it ever claimed."""
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    harness.crash(0)
    past = harness.remember()
    harness.set_late(jobs=False, sends=True)
    harness.number_from(sequence)
    harness.until(lambda: 0 in harness.worker.owned and harness.owned.publishing)
    late = in_flight(harness.members[0]).manifest
    assert late.sequence == sequence + 1
    zombie = harness.freeze()
    harness.set_late(jobs=False, sends=False)
    if equal:
        harness.go_back(past)
    return zombie, late


@pytest.mark.parametrize("learner", LEARNERS)
def test_waking_at_the_gate_with_an_equal_counter(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner)
    zombie, late = zombie_of(harness)
    zombie.wire.sends.kept.clear()
    held = zombie.worker.owned[0]
    held.publishing = None
    harness.delete("b")
    harness.run(4)
    assert harness.owned.token.counter == late.token.counter
    assert harness.owned.token.nonce != late.token.nonce
    said = len(harness.manifests())

    zombie.worker._guarded(held, zombie.worker._manifests.turn, False)
    zombie.work()

    assert zombie.worker.counters["fenced"] == 1
    assert 0 not in zombie.worker.owned
    assert len(harness.manifests()) == said
    harness.settle()
    harness.check()


def test_a_zombie_with_its_successors_counter_is_fenced_by_the_nonce(make_harness: MakeHarness) -> None:
    """Counter, applied and writes are those of its successor, which has got as far as the zombie had."""
    harness = make_harness()
    zombie, late = zombie_of(harness)
    zombie.wire.sends.kept.clear()
    held = zombie.worker.owned[0]
    harness.set_late(jobs=False, sends=True)
    harness.until(lambda: 0 in harness.worker.owned and harness.owned.publishing)
    same = [(one.token.counter, one.view.applied, one.view.writes) for one in (held, harness.owned)]
    assert same[0] == same[1]
    assert harness.owned.token.nonce != late.token.nonce

    held.publishing = None
    zombie.worker._guarded(held, zombie.worker._manifests.turn, False)

    assert zombie.worker.counters["fenced"] == 1
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    assert not harness.worker.counters["fenced"]
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("lead", [-1, 0, 1])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_late_manifest_with_an_equal_counter(
    make_harness: MakeHarness, learner: str, lead: int, compacted: bool
) -> None:
    """Its sequence is below, at or above its successor's: the last word is always the successor's."""
    harness = make_harness(learner)
    zombie, late = zombie_of(harness)
    harness.delete("b")
    harness.until(lambda: 0 in harness.worker.owned and harness.hidden())
    harness.owned.sequence, harness.owned.manifest = late.sequence - lead - 1, None
    harness.until(lambda: harness.owned.manifest)
    assert harness.owned.token.counter == late.token.counter
    said = len(harness.manifests())

    zombie.wire.sends.land()
    assert harness.manifests()[-1][1] == late
    assert (late.order > harness.manifest.order) - (late.order < harness.manifest.order) == lead
    assert harness.features(late) != harness.features(harness.manifest)
    if compacted:
        harness.log.compact(harness.settings.results_topic)
        assert [m for _, m in harness.manifests()] == [late]
    harness.watch.look()
    harness.run(12, wait=1.0)

    assert harness.manifests()[-1][1].token.nonce == harness.owned.token.nonce != late.token.nonce
    assert len(harness.manifests()) > (1 if compacted else said + 1), "the successor has said it again"
    harness.log.compact(harness.settings.results_topic)
    assert newest(harness).token.nonce == harness.owned.token.nonce
    assert harness.counted()["fenced"] == (lead > 0)
    harness.thaw(zombie)
    harness.settle()
    harness.check(late=True)


def test_a_late_manifest_between_a_successors_and_its_acknowledgement(make_harness: MakeHarness) -> None:
    """The owner sees its own manifest and the older one behind it in one turn."""
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    harness.insert("f")
    harness.set_late(jobs=False, sends=True)
    harness.until(lambda: harness.owned.publishing)
    zombie = harness.freeze()
    harness.set_late(jobs=False, sends=False)
    harness.delete("b")
    harness.settle()
    harness.set_late(jobs=False, sends=True)
    harness.owned.manifest = None
    harness.until(lambda: harness.owned.publishing)
    assert zombie.wire.sends.kept
    assert in_flight(harness.members[0]).manifest.applied > in_flight(zombie).manifest.applied

    harness.members[0].wire.sends.land()
    zombie.wire.sends.land()
    harness.set_late(jobs=False, sends=False)
    harness.log.compact(harness.settings.results_topic)
    assert newest(harness).token.counter == 1, "compaction left the zombie's alone"
    harness.run(6)

    assert newest(harness).token.counter == 2
    harness.settle()
    harness.check(late=True)


def test_only_a_zombies_manifest_is_left_and_redis_goes_back(make_harness: MakeHarness) -> None:
    """What compaction leaves must still say how far the dead were hidden."""
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    past = harness.remember()
    harness.insert("f")
    harness.set_late(jobs=False, sends=True)
    harness.until(lambda: harness.owned.publishing)
    zombie = harness.freeze()
    harness.set_late(jobs=False, sends=False)
    harness.delete("b")
    harness.settle()
    assert harness.hidden()

    zombie.wire.sends.land()
    harness.run(6)
    harness.log.compact(harness.settings.results_topic)
    harness.go_back(past)
    harness.crash(0)
    harness.run(most=1)
    assert harness.owned.catching_up
    harness.settle(most=1)

    assert harness.owned.token.counter == 3
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_waking_with_a_slice_file_half_written(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner)
    harness.settle()
    past = harness.remember()
    harness.set_late(jobs=True, sends=False)
    harness.inserts("a", "b", "c", "d", "e")
    harness.until(lambda: 0 in harness.worker.owned and harness.owned.sealing)
    zombie = harness.freeze()
    harness.set_late(jobs=False, sends=False)
    harness.go_back(past)
    harness.delete("b")
    harness.settle()
    before = set(harness.store.files)
    assert harness.owned.counters["slices"] >= 1

    zombie.later.work()
    zombie.worker._guarded(zombie.worker.owned[0], zombie.worker._sealer.turn)

    (orphan,) = set(harness.store.files) - before
    assert "/slice/" in orphan
    assert zombie.worker.counters["fenced"] == 1
    assert orphan not in {held.file for held in harness.stored().slices.values()}
    harness.settle()
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_waking_with_a_job_done(make_harness: MakeHarness, learner: str) -> None:
    """A checkpoint of the zombie's, made before a kill that its successor knows, is never registered."""
    harness = make_harness(learner)
    harness.settle()
    harness.inserts("a", "b", "c", "d", "e")
    harness.until(lambda: harness.owned.sealing or harness.owned.counters["slices"])
    harness.set_late(jobs=True, sends=False)
    harness.run(1)
    harness.until(lambda: harness.owned.running)
    zombie = harness.freeze()
    harness.set_late(jobs=False, sends=False)
    harness.delete("b")
    harness.settle()
    before = harness.stored().states

    zombie.later.work()
    zombie.worker._guarded(zombie.worker.owned[0], zombie.worker._training.settle)

    assert zombie.worker.counters["fenced"] == 1
    assert harness.stored().states == before
    harness.settle()
    harness.check()


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_late_manifest_whose_file_was_collected(make_harness: MakeHarness, learner: str, equal: bool) -> None:
    harness = make_harness(learner)
    zombie, late = zombie_of(harness, equal=equal)
    harness.delete("b")
    harness.settle()
    harness.collect()
    harness.settle()
    gone = [entry.file for entry in late.shards if entry.file and entry.file not in harness.store.files]
    assert gone, "its file was collected"
    assert harness.owned.token.counter == late.token.counter + (not equal)

    zombie.wire.sends.land()
    assert harness.manifests()[-1][1].token.nonce == late.token.nonce
    for _ in range(8):
        harness.run(wait=1.0)
        harness.log.compact(harness.settings.results_topic)

    assert newest(harness).token.nonce == harness.owned.token.nonce
    served = harness.watch.served
    harness.settle()
    assert harness.watch.served > served
    assert not harness.watch.first.problems
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_ping_pong_of_equal_counters(make_harness: MakeHarness, learner: str) -> None:
    """Redis goes back again and again; each time the next owner gets the counter of the one before."""
    harness = make_harness(learner)
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    harness.crash(0)
    past = harness.remember()
    zombies: list[Member] = []
    counters: list[int] = []
    for record in "abc":
        harness.go_back(past)
        harness.set_late(jobs=False, sends=True)
        harness.until(lambda: 0 in harness.worker.owned and harness.owned.publishing)
        counters.append(harness.owned.token.counter)
        harness.delete(record)
        harness.until(lambda: harness.owned.view.pending)
        zombies.append(harness.freeze())
    assert counters == [2, 2, 2]
    harness.go_back(past)
    harness.set_late(jobs=False, sends=False)
    harness.settle()
    assert harness.owned.token.counter == 2
    for zombie in zombies:
        zombie.wire.sends.land()
        harness.run(3)
        harness.log.compact(harness.settings.results_topic)
        assert newest(harness).token.nonce == harness.owned.token.nonce
    for zombie in (*zombies, *zombies):
        harness.thaw(zombie, turns=1)
        harness.run(3)
    harness.settle()

    assert harness.counted()["fenced"] >= 1
    assert sum(zombie.worker.counters["fenced"] for zombie in zombies) >= 3
    harness.log.compact(harness.settings.results_topic)
    assert newest(harness).token.nonce == harness.owned.token.nonce
    harness.check(late=True)


def test_a_zombies_heartbeat_vouches_for_nothing(make_harness: MakeHarness) -> None:
    """It comes late, names what was in force, and its counter is its successor's."""
    harness = make_harness()
    zombie, _ = zombie_of(harness)
    harness.delete("b")
    harness.settle()
    zombie.wire.sends.land()
    held = zombie.worker.owned[0]
    held.manifest, held.heartbeat_at = in_flight(zombie).manifest, float("-inf")
    said = len(records(harness.log, harness.settings.results_topic))

    zombie.worker._guarded(held, zombie.worker._heartbeats.turn)

    assert zombie.worker.counters["fenced"] == 1
    assert len(records(harness.log, harness.settings.results_topic)) == said
    zombie.worker._heartbeats.beat(held)  # as if it had been on its way already
    harness.watch.look()
    harness.settle()
    harness.check(late=True)
