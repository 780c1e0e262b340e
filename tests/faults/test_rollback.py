"""Redis goes back in time under a log that doesn't: nothing is lost, and nobody who was gone is seen again."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.past import OwnRedis
from tests.faults.scene import Past, Scene

LEARNERS = ("linear", "naive-bayes")


def story(scene: Scene) -> list[Past]:
    """Records, deletions of all kinds, updates, and Redis as it stood at each pause."""
    pasts = []
    scene.settle()
    pasts.append(scene.remember())
    scene.inserts("a", "b", "c", "d")
    scene.inserts("e", "f", "g", subject="s")
    scene.settle()
    pasts.append(scene.remember())
    scene.delete("b")
    scene.insert("c", revision=1)
    scene.settle()
    pasts.append(scene.remember())
    scene.delete(subject="s")
    scene.inserts("h", "i", "j")
    scene.delete("i")
    scene.settle()
    return pasts


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("news", [False, True])
@pytest.mark.parametrize("back", [0, 1, 2])
def test_a_live_owner_catches_up_before_it_says_a_word(
    make_scene: MakeScene, learner: str, news: bool, back: int
) -> None:
    scene = make_scene(learner)
    past = story(scene)[back]
    before, said, hidden = scene.stored(), len(scene.manifests()), scene.hidden()

    scene.go_back(past)
    if news:
        scene.inserts("k", "l")
        scene.delete("k")
    catching_up = 0
    for _ in range(60):
        scene.run(most=1, wait=3.0)
        if 0 in scene.worker.owned and scene.owned.catching_up:
            catching_up += 1
            assert len(scene.manifests()) == said
            assert scene.hidden() == hidden
    scene.settle()

    assert scene.worker.counters["rolled_back"] == 1, "the idle owner was told by a script"
    assert scene.worker.counters["claims"] == 2
    assert catching_up > 1
    assert scene.owned.counters["rolled_back"] == 1, "the claim saw that it must catch up"
    assert scene.stored().applied >= before.applied
    assert scene.watch.served > 100
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_moment_of_the_past_leads_to_the_same_end(make_scene: MakeScene, learner: str) -> None:
    """Redis after every single turn of a worker that takes one record at a time."""
    scene = make_scene(learner, span=3)
    pasts: list[Past] = []

    def live(turns: int) -> None:
        for _ in range(turns):
            scene.run(most=1)
            pasts.append(scene.remember())

    scene.inserts("a", "b", "c", subject="s")
    scene.inserts("d", "e")
    live(8)
    scene.delete("a", "s")
    scene.insert("d", revision=1)
    scene.delete(subject="s")
    live(8)
    scene.settle()
    assert len({tuple(sorted(past.items())) for past in pasts}) > 12

    for past in reversed(pasts[::2]):
        scene.go_back(past)
        scene.settle()
    for past in pasts[::3]:
        scene.go_back(past)
        scene.crash(0)
        scene.settle()

    assert scene.counted()["rolled_back"] > 10
    scene.check()


def test_the_past_before_a_kill_has_another_counter_than_the_topic(make_scene: MakeScene) -> None:
    """The topic knows the higher token: a claim after the rollback goes beyond it."""
    scene = make_scene()
    past = scene.remember()
    scene.inserts("a", "b")
    scene.settle()
    for _ in range(3):
        scene.crash(0)
        scene.settle()
    highest = scene.owned.token.counter
    scene.run(2)
    assert past == {}

    scene.rebuild(on=True)
    scene.go_back(past)
    scene.settle()

    assert highest == 4
    assert scene.owned.token.counter == 5
    assert scene.worker.counters["claims"] == 1, "at once"
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_an_empty_redis_stops_the_owner_until_it_may_rebuild(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner)
    story(scene)
    said, applied = len(scene.manifests()), scene.stored().applied

    scene.go_back({})
    scene.run(10, wait=3.0)
    assert scene.worker.counters["rolled_back"] == 1
    assert not scene.worker.owned
    assert "--rebuild" in scene.worker.stopped[0]
    scene.crash(0)
    scene.run(5)
    assert "--rebuild" in scene.worker.stopped[0]
    assert len(scene.manifests()) == said
    assert scene.stored().applied == 0

    scene.rebuild(on=True)
    scene.run(most=1)
    assert scene.owned.catching_up
    scene.settle(most=1)
    assert scene.stored().applied == applied
    assert scene.worker.counters["claims"] == 1
    assert scene.owned.counters["inserts"] == 11
    scene.check()


def test_no_rebuilding_from_half_a_log(make_scene: MakeScene) -> None:
    """Retention has dropped what the model was made of."""
    scene = make_scene()
    story(scene)
    said = len(scene.manifests())

    scene.go_back({})
    scene.log.truncate(scene.settings.events_topic, 0, 3)
    scene.rebuild(on=True)
    scene.run(5)

    assert not scene.worker.owned
    assert "begins at 3" in scene.worker.stopped[0]
    assert len(scene.manifests()) == said
    assert scene.stored().meta == {}


def test_a_model_made_late_in_the_log_is_rebuilt_from_there(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.log.gap(scene.settings.events_topic, 0, 5)
    scene.log.truncate(scene.settings.events_topic, 0, 5)
    scene.inserts("a", "b", "c")
    scene.delete("b")
    scene.settle()
    assert scene.manifest.start == 5

    scene.go_back({})
    scene.rebuild(on=True)
    scene.settle()

    assert scene.stored().number("start") == 5
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_rewritten_file_stands_in_for_the_one_that_is_gone(make_scene: MakeScene, learner: str) -> None:
    scene = make_scene(learner)
    scene.inserts("a", "b", "c", "d", "e", "f")
    scene.settle()
    past = scene.remember()
    (old,) = [held.file for held in scene.stored().slices.values() if held.file and held.file.find(".5.") > 0]
    scene.delete("b")
    scene.insert("d", revision=1)
    scene.settle()
    scene.collect()
    scene.settle()
    assert scene.counted()["rewritten"] >= 1
    assert old not in scene.store.files

    scene.go_back(past)
    scene.settle()

    assert scene.counted()["slices_repaired"] == 1
    assert not scene.counted()["slices_lost"]
    scene.check()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("walked", [False, True])
def test_a_claim_finds_the_file_that_a_clean_up_it_knows_nothing_of_has_led_to(
    make_scene: MakeScene, learner: str, walked: bool
) -> None:
    """Redis goes back to before a deleted subject's clean-up (or into its middle), across the rewriting."""
    scene = make_scene(learner)
    scene.inserts("a", "b", "c", subject="s")
    scene.inserts("d", "e", "f")
    scene.settle()
    scene.place.sweeping = False
    scene.delete(subject="s")
    scene.run(4)
    assert scene.stored().cleanups
    if walked:
        scene.place.sweeping = True
        scene.run()
        assert scene.stored().cleanups
        assert scene.stored().number("holes") == 2
    past = scene.remember()
    (old,) = [held.file for held in scene.stored().slices.values() if held.file and ".5." in held.file]
    scene.place.sweeping = True
    scene.settle()
    scene.collect()
    scene.settle()
    assert old not in scene.store.files

    scene.go_back(past)
    scene.settle()

    assert scene.counted()["slices_repaired"] == 1
    assert not scene.counted()["slices_lost"]
    scene.check()


def test_all_rows_of_a_slice_gone_and_redis_back_before_it(make_scene: MakeScene) -> None:
    """A rewriting that leaves no row at all; the old file, too, goes in the end."""
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.insert("f")
    scene.settle()
    past = scene.remember()
    for record in "abcde":
        scene.delete(record)
    scene.settle()
    scene.collect()
    scene.settle()
    assert scene.counted()["rewritten"] >= 1

    scene.go_back(past)
    scene.settle()

    assert not scene.counted()["slices_lost"]
    scene.check()
    scene.collect()
    scene.settle()
    scene.collect()
    scene.settle()
    assert scene.owned.erased_through == scene.owned.view.applied


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("crash", [False, True])
def test_an_append_only_file_cut_at_any_byte(
    own_redis: OwnRedis, make_scene: MakeScene, learner: str, crash: bool
) -> None:
    """Redis loses the end of its file, in mid-command and between commands, and comes back."""
    scene = make_scene(learner, url=own_redis.url)
    cuts: Counter[str] = Counter()
    story(scene)
    scene.settle()
    data, chance = own_redis.data, random.Random(learner)
    applied: set[int] = set()
    for ninth in range(3, 9):
        own_redis.restart_with(data[: chance.randrange(len(data) * ninth // 9, len(data) * (ninth + 1) // 9)])
        applied.add(scene.stored().applied)
        cuts["in mid-command"] += "Truncating the AOF" in own_redis.log
        if crash:
            scene.crash(0)
        scene.settle()
        assert scene.stored().applied == scene.log.bounds(scene.settings.events_topic)[0][1]
    scene.check()

    assert cuts["in mid-command"] >= 3
    assert len(applied) >= 3
    assert scene.counted()["rolled_back"] >= 3


def test_two_deleted_in_one_batch_and_a_crash_between_them_on_replay(make_scene: MakeScene) -> None:
    """No state that holds the second is published while only the first is applied again."""
    scene = make_scene()
    first, second, *_ = scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    past = scene.remember()
    scene.delete("a")
    scene.delete("b")
    scene.settle()
    said = len(scene.manifests())

    scene.go_back(past)
    scene.crash(0)
    scene.run(2, most=1)
    assert scene.owned.view.applied == 6
    assert scene.owned.catching_up
    scene.run(3, most=0)
    scene.crash(0)
    scene.run(3, most=0)
    assert scene.owned.view.applied == 6
    assert len(scene.manifests()) == said
    scene.settle()

    assert len(scene.manifests()) > said
    assert not {first, second} & scene.features(scene.manifest)
    scene.check()
