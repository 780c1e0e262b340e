"""An owner that stopped for too long goes on: in mid-gate, mid-send, mid-file, with a token like its successor's."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.scene import Scene, in_flight
from unlearn.results.manifest import Manifest
from unlearn.simulate.members import Member

LEARNERS = ("linear", "naive-bayes")


def newest(scene: Scene) -> Manifest:
    manifest = scene.results().of(0).manifest
    assert manifest is not None
    return manifest


def zombie_of(scene: Scene, *, equal: bool = True, sequence: int = 20) -> tuple[Member, Manifest]:
    """An owner frozen with its first manifest on the way, which holds "b"; Redis forgets that it ever claimed."""
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    scene.crash(0)
    past = scene.remember()
    scene.set_late(jobs=False, sends=True)
    scene.number_from(sequence)
    scene.until(lambda: 0 in scene.worker.owned and scene.owned.publishing)
    late = in_flight(scene.members[0]).manifest
    assert late.sequence == sequence + 1
    zombie = scene.freeze()
    scene.set_late(jobs=False, sends=False)
    if equal:
        scene.go_back(past)
    return zombie, late


@pytest.mark.parametrize("learner", LEARNERS)
def test_waking_at_the_gate_with_an_equal_counter(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner)
    zombie, late = zombie_of(scene)
    zombie.wire.sends.kept.clear()
    held = zombie.worker.owned[0]
    held.publishing = None
    scene.delete("b")
    scene.run(4)
    assert scene.owned.token.counter == late.token.counter
    assert scene.owned.token.nonce != late.token.nonce
    said = len(scene.manifests())

    zombie.worker._guarded(held, zombie.worker._manifests.turn, False)
    zombie.work()

    assert zombie.worker.counters["fenced"] == 1
    assert 0 not in zombie.worker.owned
    assert len(scene.manifests()) == said
    scene.settle()
    scene.check()


def test_nothing_but_the_nonce_tells_them_apart(make_scene: MakeScene) -> None:
    """Counter, applied and writes are those of its successor, which has got as far as the zombie had."""
    scene = make_scene()
    zombie, late = zombie_of(scene)
    zombie.wire.sends.kept.clear()
    held = zombie.worker.owned[0]
    scene.set_late(jobs=False, sends=True)
    scene.until(lambda: 0 in scene.worker.owned and scene.owned.publishing)
    same = [(one.token.counter, one.view.applied, one.view.writes) for one in (held, scene.owned)]
    assert same[0] == same[1]
    assert scene.owned.token.nonce != late.token.nonce

    held.publishing = None
    zombie.worker._guarded(held, zombie.worker._manifests.turn, False)

    assert zombie.worker.counters["fenced"] == 1
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    assert not scene.worker.counters["fenced"]
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("lead", [-1, 0, 1])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_late_manifest_with_an_equal_counter(make_scene: MakeScene, learner: str, lead: int, compacted: bool) -> None:
    """Its sequence is below, at or above its successor's: the last word is always the successor's."""
    scene = make_scene(learner)
    zombie, late = zombie_of(scene)
    scene.delete("b")
    scene.until(lambda: 0 in scene.worker.owned and scene.hidden())
    scene.owned.sequence, scene.owned.manifest = late.sequence - lead - 1, None
    scene.until(lambda: scene.owned.manifest)
    assert scene.owned.token.counter == late.token.counter
    said = len(scene.manifests())

    zombie.wire.sends.land()
    assert scene.manifests()[-1][1] == late
    assert (late.order > scene.manifest.order) - (late.order < scene.manifest.order) == lead
    assert scene.features(late) != scene.features(scene.manifest)
    if compacted:
        scene.log.compact(scene.settings.results_topic)
        assert [m for _, m in scene.manifests()] == [late]
    scene.watch.look()
    scene.run(12, wait=1.0)

    assert scene.manifests()[-1][1].token.nonce == scene.owned.token.nonce != late.token.nonce
    assert len(scene.manifests()) > (1 if compacted else said + 1), "the successor has said it again"
    scene.log.compact(scene.settings.results_topic)
    assert newest(scene).token.nonce == scene.owned.token.nonce
    assert scene.counted()["fenced"] == (lead > 0)
    scene.thaw(zombie)
    scene.settle()
    scene.check(late=True)


def test_a_late_manifest_between_a_successors_and_its_acknowledgement(make_scene: MakeScene) -> None:
    """The owner sees its own manifest and the older one behind it in one turn."""
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    scene.insert("f")
    scene.set_late(jobs=False, sends=True)
    scene.until(lambda: scene.owned.publishing)
    zombie = scene.freeze()
    scene.set_late(jobs=False, sends=False)
    scene.delete("b")
    scene.settle()
    scene.set_late(jobs=False, sends=True)
    scene.owned.manifest = None
    scene.until(lambda: scene.owned.publishing)
    assert zombie.wire.sends.kept
    assert in_flight(scene.members[0]).manifest.applied > in_flight(zombie).manifest.applied

    scene.members[0].wire.sends.land()
    zombie.wire.sends.land()
    scene.set_late(jobs=False, sends=False)
    scene.log.compact(scene.settings.results_topic)
    assert newest(scene).token.counter == 1, "compaction left the zombie's alone"
    scene.run(6)

    assert newest(scene).token.counter == 2
    scene.settle()
    scene.check(late=True)


def test_only_a_zombies_manifest_is_left_and_redis_goes_back(make_scene: MakeScene) -> None:
    """What compaction leaves must still say how far the dead were hidden."""
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    past = scene.remember()
    scene.insert("f")
    scene.set_late(jobs=False, sends=True)
    scene.until(lambda: scene.owned.publishing)
    zombie = scene.freeze()
    scene.set_late(jobs=False, sends=False)
    scene.delete("b")
    scene.settle()
    assert scene.hidden()

    zombie.wire.sends.land()
    scene.run(6)
    scene.log.compact(scene.settings.results_topic)
    scene.go_back(past)
    scene.crash(0)
    scene.run(most=1)
    assert scene.owned.catching_up
    scene.settle(most=1)

    assert scene.owned.token.counter == 3
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_waking_with_a_slice_file_half_written(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner)
    scene.settle()
    past = scene.remember()
    scene.set_late(jobs=True, sends=False)
    scene.inserts("a", "b", "c", "d", "e")
    scene.until(lambda: 0 in scene.worker.owned and scene.owned.sealing)
    zombie = scene.freeze()
    scene.set_late(jobs=False, sends=False)
    scene.go_back(past)
    scene.delete("b")
    scene.settle()
    before = set(scene.store.files)
    assert scene.owned.counters["slices"] >= 1

    zombie.later.work()
    zombie.worker._guarded(zombie.worker.owned[0], zombie.worker._sealer.turn)

    (orphan,) = set(scene.store.files) - before
    assert "/slice/" in orphan
    assert zombie.worker.counters["fenced"] == 1
    assert orphan not in {held.file for held in scene.stored().slices.values()}
    scene.settle()
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_waking_with_a_job_done(make_scene: MakeScene, learner: str) -> None:
    """A checkpoint of the zombie's, made before a kill that its successor knows, is never registered."""
    scene = make_scene(learner)
    scene.settle()
    scene.inserts("a", "b", "c", "d", "e")
    scene.until(lambda: scene.owned.sealing or scene.owned.counters["slices"])
    scene.set_late(jobs=True, sends=False)
    scene.run(1)
    scene.until(lambda: scene.owned.running)
    zombie = scene.freeze()
    scene.set_late(jobs=False, sends=False)
    scene.delete("b")
    scene.settle()
    before = scene.stored().states

    zombie.later.work()
    zombie.worker._guarded(zombie.worker.owned[0], zombie.worker._training.settle)

    assert zombie.worker.counters["fenced"] == 1
    assert scene.stored().states == before
    scene.settle()
    scene.check()


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_late_manifest_whose_file_was_collected(make_scene: MakeScene, learner: str, equal: bool) -> None:
    scene = make_scene(learner)
    zombie, late = zombie_of(scene, equal=equal)
    scene.delete("b")
    scene.settle()
    scene.collect()
    scene.settle()
    gone = [entry.file for entry in late.shards if entry.file and entry.file not in scene.store.files]
    assert gone, "its file was collected"
    assert scene.owned.token.counter == late.token.counter + (not equal)

    zombie.wire.sends.land()
    assert scene.manifests()[-1][1].token.nonce == late.token.nonce
    for _ in range(8):
        scene.run(wait=1.0)
        scene.log.compact(scene.settings.results_topic)

    assert newest(scene).token.nonce == scene.owned.token.nonce
    served = scene.watch.served
    scene.settle()
    assert scene.watch.served > served
    assert not scene.watch.first.problems
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_ping_pong_of_equal_counters(make_scene: MakeScene, learner: str) -> None:
    """Redis goes back again and again; each time the next owner gets the counter of the one before."""
    scene = make_scene(learner)
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    scene.crash(0)
    past = scene.remember()
    zombies: list[Member] = []
    counters: list[int] = []
    for record in "abc":
        scene.go_back(past)
        scene.set_late(jobs=False, sends=True)
        scene.until(lambda: 0 in scene.worker.owned and scene.owned.publishing)
        counters.append(scene.owned.token.counter)
        scene.delete(record)
        scene.until(lambda: scene.owned.view.pending)
        zombies.append(scene.freeze())
    assert counters == [2, 2, 2]
    scene.go_back(past)
    scene.set_late(jobs=False, sends=False)
    scene.settle()
    assert scene.owned.token.counter == 2
    for zombie in zombies:
        zombie.wire.sends.land()
        scene.run(3)
        scene.log.compact(scene.settings.results_topic)
        assert newest(scene).token.nonce == scene.owned.token.nonce
    for zombie in (*zombies, *zombies):
        scene.thaw(zombie, turns=1)
        scene.run(3)
    scene.settle()

    assert scene.counted()["fenced"] >= 1
    assert sum(zombie.worker.counters["fenced"] for zombie in zombies) >= 3
    scene.log.compact(scene.settings.results_topic)
    assert newest(scene).token.nonce == scene.owned.token.nonce
    scene.check(late=True)


def test_a_zombies_heartbeat_vouches_for_nothing(make_scene: MakeScene) -> None:
    """It comes late, names what was in force, and its counter is its successor's."""
    scene = make_scene()
    zombie, _ = zombie_of(scene)
    scene.delete("b")
    scene.settle()
    zombie.wire.sends.land()
    held = zombie.worker.owned[0]
    held.manifest, held.heartbeat_at = in_flight(zombie).manifest, float("-inf")
    said = sum(1 for _ in scene.log.read(scene.settings.results_topic, 0, 0, 1 << 60))

    zombie.worker._guarded(held, zombie.worker._heartbeats.turn)

    assert zombie.worker.counters["fenced"] == 1
    assert sum(1 for _ in scene.log.read(scene.settings.results_topic, 0, 0, 1 << 60)) == said
    zombie.worker._heartbeats.beat(held)  # as if it had been on its way already
    scene.watch.look()
    scene.settle()
    scene.check(late=True)
