"""Redis goes back in time under a log that doesn't: nothing is lost, and nobody who was gone is seen again."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.faults.conftest import MakeHarness
from tests.harness.breakable_services import RewindableRedis
from tests.harness.model_data import Past
from tests.harness.simulation_harness import SimulationHarness

LEARNERS = ("linear", "naive-bayes")


def story(harness: SimulationHarness) -> list[Past]:
    """Records, deletions of all kinds, updates, and Redis as it stood at each pause."""
    pasts = []
    harness.settle()
    pasts.append(harness.remember())
    harness.inserts("a", "b", "c", "d")
    harness.inserts("e", "f", "g", subject="s")
    harness.settle()
    pasts.append(harness.remember())
    harness.delete("b")
    harness.insert("c", revision=1)
    harness.settle()
    pasts.append(harness.remember())
    harness.delete(subject="s")
    harness.inserts("h", "i", "j")
    harness.delete("i")
    harness.settle()
    return pasts


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("news", [False, True])
@pytest.mark.parametrize("back", [0, 1, 2])
def test_a_live_owner_catches_up_before_it_says_a_word(
    make_harness: MakeHarness, learner: str, news: bool, back: int
) -> None:
    harness = make_harness(learner)
    past = story(harness)[back]
    before, said, hidden = harness.stored(), len(harness.manifests()), harness.hidden()

    harness.go_back(past)
    if news:
        harness.inserts("k", "l")
        harness.delete("k")
    catching_up = 0
    for _ in range(60):
        harness.run(most=1, wait=3.0)
        if 0 in harness.worker.owned and harness.owned.catching_up:
            catching_up += 1
            assert len(harness.manifests()) == said
            assert harness.hidden() == hidden
    harness.settle()

    assert harness.worker.counters["rolled_back"] == 1, "the idle owner was told by a script"
    assert harness.worker.counters["claims"] == 2
    assert catching_up > 1
    assert harness.owned.counters["rolled_back"] == 1, "the claim saw that it must catch up"
    assert harness.stored().applied >= before.applied
    assert harness.watch.served > 100
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_moment_of_the_past_leads_to_the_same_end(make_harness: MakeHarness, learner: str) -> None:
    """Redis after every single turn of a worker that takes one record at a time."""
    harness = make_harness(learner, span=3)
    pasts: list[Past] = []

    def live(turns: int) -> None:
        for _ in range(turns):
            harness.run(most=1)
            pasts.append(harness.remember())

    harness.inserts("a", "b", "c", subject="s")
    harness.inserts("d", "e")
    live(8)
    harness.delete("a", "s")
    harness.insert("d", revision=1)
    harness.delete(subject="s")
    live(8)
    harness.settle()
    assert len({tuple(sorted(past.items())) for past in pasts}) > 12

    for past in reversed(pasts[::2]):
        harness.go_back(past)
        harness.settle()
    for past in pasts[::3]:
        harness.go_back(past)
        harness.crash(0)
        harness.settle()

    assert harness.counted()["rolled_back"] > 10
    harness.check()


def test_the_past_before_a_kill_has_another_counter_than_the_topic(make_harness: MakeHarness) -> None:
    """The topic knows the higher token: a claim after the rollback goes beyond it."""
    harness = make_harness()
    past = harness.remember()
    harness.inserts("a", "b")
    harness.settle()
    for _ in range(3):
        harness.crash(0)
        harness.settle()
    highest = harness.owned.token.counter
    harness.run(2)
    assert past == {}

    harness.rebuild(on=True)
    harness.go_back(past)
    harness.settle()

    assert highest == 4
    assert harness.owned.token.counter == 5
    assert harness.worker.counters["claims"] == 1, "at once"
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_an_empty_redis_stops_the_owner_until_it_may_rebuild(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner)
    story(harness)
    said, applied = len(harness.manifests()), harness.stored().applied

    harness.go_back({})
    harness.run(10, wait=3.0)
    assert harness.worker.counters["rolled_back"] == 1
    assert not harness.worker.owned
    assert "--rebuild" in harness.worker.stopped[0]
    harness.crash(0)
    harness.run(5)
    assert "--rebuild" in harness.worker.stopped[0]
    assert len(harness.manifests()) == said
    assert harness.stored().applied == 0

    harness.rebuild(on=True)
    harness.run(most=1)
    assert harness.owned.catching_up
    harness.settle(most=1)
    assert harness.stored().applied == applied
    assert harness.worker.counters["claims"] == 1
    assert harness.owned.counters["inserts"] == 11
    harness.check()


def test_no_rebuilding_from_half_a_log(make_harness: MakeHarness) -> None:
    """Retention has dropped what the model was made of."""
    harness = make_harness()
    story(harness)
    said = len(harness.manifests())

    harness.go_back({})
    harness.log.truncate(harness.settings.events_topic, 0, 3)
    harness.rebuild(on=True)
    harness.run(5)

    assert not harness.worker.owned
    assert "begins at 3" in harness.worker.stopped[0]
    assert len(harness.manifests()) == said
    assert harness.stored().meta == {}


def test_a_model_made_late_in_the_log_is_rebuilt_from_there(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.log.gap(harness.settings.events_topic, 0, 5)
    harness.log.truncate(harness.settings.events_topic, 0, 5)
    harness.inserts("a", "b", "c")
    harness.delete("b")
    harness.settle()
    assert harness.manifest.start == 5

    harness.go_back({})
    harness.rebuild(on=True)
    harness.settle()

    assert harness.stored().number("start") == 5
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_rewritten_file_stands_in_for_the_one_that_is_gone(make_harness: MakeHarness, learner: str) -> None:
    harness = make_harness(learner)
    harness.inserts("a", "b", "c", "d", "e", "f")
    harness.settle()
    past = harness.remember()
    (old,) = [held.file for held in harness.stored().slices.values() if held.file and held.file.find(".5.") > 0]
    harness.delete("b")
    harness.insert("d", revision=1)
    harness.settle()
    harness.collect()
    harness.settle()
    assert harness.counted()["rewritten"] >= 1
    assert old not in harness.store.files

    harness.go_back(past)
    harness.settle()

    assert harness.counted()["slices_repaired"] == 1
    assert not harness.counted()["slices_lost"]
    harness.check()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("walked", [False, True])
def test_a_claim_finds_the_file_that_a_clean_up_it_knows_nothing_of_has_led_to(
    make_harness: MakeHarness, learner: str, walked: bool
) -> None:
    """Redis goes back to before a deleted subject's clean-up (or into its middle), across the rewriting."""
    harness = make_harness(learner)
    harness.inserts("a", "b", "c", subject="s")
    harness.inserts("d", "e", "f")
    harness.settle()
    harness.place.sweeping = False
    harness.delete(subject="s")
    harness.run(4)
    assert harness.stored().cleanups
    if walked:
        harness.place.sweeping = True
        harness.run()
        assert harness.stored().cleanups
        assert harness.stored().number("holes") == 2
    past = harness.remember()
    (old,) = [held.file for held in harness.stored().slices.values() if held.file and ".5." in held.file]
    harness.place.sweeping = True
    harness.settle()
    harness.collect()
    harness.settle()
    assert old not in harness.store.files

    harness.go_back(past)
    harness.settle()

    assert harness.counted()["slices_repaired"] == 1
    assert not harness.counted()["slices_lost"]
    harness.check()


def test_all_rows_of_a_slice_gone_and_redis_back_before_it(make_harness: MakeHarness) -> None:
    """A rewriting that leaves no row at all; the old file, too, goes in the end."""
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.insert("f")
    harness.settle()
    past = harness.remember()
    for record in "abcde":
        harness.delete(record)
    harness.settle()
    harness.collect()
    harness.settle()
    assert harness.counted()["rewritten"] >= 1

    harness.go_back(past)
    harness.settle()

    assert not harness.counted()["slices_lost"]
    harness.check()
    harness.collect()
    harness.settle()
    harness.collect()
    harness.settle()
    assert harness.owned.erased_through == harness.owned.view.applied


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("crash", [False, True])
def test_an_append_only_file_cut_at_any_byte(
    own_redis: RewindableRedis, make_harness: MakeHarness, learner: str, crash: bool
) -> None:
    """Redis loses the end of its file, in mid-command and between commands, and comes back."""
    harness = make_harness(learner, url=own_redis.url)
    cuts: Counter[str] = Counter()
    story(harness)
    harness.settle()
    data, chance = own_redis.data, random.Random(learner)
    applied: set[int] = set()
    for ninth in range(3, 9):
        own_redis.restart_with(data[: chance.randrange(len(data) * ninth // 9, len(data) * (ninth + 1) // 9)])
        harness.counts["roll backs"] += 1
        applied.add(harness.stored().applied)
        cuts["in mid-command"] += "Truncating the AOF" in own_redis.log
        if crash:
            harness.crash(0)
        harness.settle()
        assert harness.stored().applied == harness.log.bounds(harness.settings.events_topic)[0][1]
    harness.check()

    assert cuts["in mid-command"] >= 3
    assert len(applied) >= 3
    assert harness.counted()["rolled_back"] >= 3


def test_two_deleted_in_one_batch_and_a_crash_between_them_on_replay(make_harness: MakeHarness) -> None:
    """No state that holds the second is published while only the first is applied again."""
    harness = make_harness()
    first, second, *_ = harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    past = harness.remember()
    harness.delete("a")
    harness.delete("b")
    harness.settle()
    said = len(harness.manifests())

    harness.go_back(past)
    harness.crash(0)
    harness.run(2, most=1)
    assert harness.owned.view.applied == 6
    assert harness.owned.catching_up
    harness.run(3, most=0)
    harness.crash(0)
    harness.run(3, most=0)
    assert harness.owned.view.applied == 6
    assert len(harness.manifests()) == said
    harness.settle()

    assert len(harness.manifests()) > said
    assert not {first, second} & harness.features(harness.manifest)
    harness.check()
