"""A state whose file is gone is a cache that is gone: its shard goes on from an older one, or from empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import unanswered, wrong_manifests, wrong_receipts
from tests.harness.events import SEAL
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.partition.tables import State
from unlearn.storage.slice_files import LAST_READ
from unlearn.training.live_states import LiveStates


@pytest.fixture(params=["linear", "naive-bayes"])
def harness(store_kind: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MemoryHarness]:
    """Two slices are learned; garbage is kept."""
    made = MemoryHarness(redis_url, tmp_path, request.param, shards_per_partition=1, garbage_grace=1e6)
    for first in (0, 10):
        made.send(*[insert(n) for n in range(first, first + 6)], SEAL)
        made.settle()
    yield made
    made.close()


def states(harness: MemoryHarness) -> dict[int, State]:
    return dict(harness.owned.view.shard_states(0))


def next_slice(harness: MemoryHarness, *, in_memory: bool = False) -> None:
    """`in_memory`: the trainer that made the states does the next job, too; else another does."""
    if not in_memory:
        harness.worker._trainers._live = LiveStates()  # type: ignore[attr-defined]
    harness.send(*[insert(n) for n in range(20, 24)], SEAL)
    harness.settle()


def test_a_job_drops_a_lost_checkpoint_and_goes_on(harness: MemoryHarness) -> None:
    kept = states(harness)
    (harness.store.root / kept[max(kept)].file).unlink()

    next_slice(harness)

    assert harness.count("states_lost") == 1
    assert harness.count("jobs_failed") == harness.count("lineage_mismatches") == 0
    assert kept[max(kept)] not in states(harness).values()
    # A fold has an older one to go on from; a learner that forgets keeps one alone.
    assert all(state in states(harness).values() for through, state in kept.items() if through < max(kept))
    assert harness.owned.view.crashes == {}
    assert {entry.status for entry in harness.manifests()[-1][1].shards} == {"current"}
    assert harness.verify().verdict == "equal"
    assert unanswered(harness) == wrong_manifests(harness) == wrong_receipts(harness) == []


def test_a_shard_whose_checkpoints_are_all_lost_learns_from_empty(harness: MemoryHarness) -> None:
    kept = states(harness)
    for state in kept.values():
        (harness.store.root / state.file).unlink()

    next_slice(harness)

    assert harness.count("states_lost") == len(kept)
    assert harness.verify().verdict == "equal"


def test_a_spoilt_one_is_dropped_too(harness: MemoryHarness) -> None:
    kept = states(harness)
    path = harness.store.root / kept[max(kept)].file
    path.write_bytes(path.read_bytes()[:-9])

    next_slice(harness)

    assert harness.count("states_lost") == 1
    assert harness.verify().verdict == "equal"


def test_a_lost_one_is_not_missed_where_it_is_in_memory(harness: MemoryHarness) -> None:
    kept = states(harness)
    for state in kept.values():
        (harness.store.root / state.file).unlink()

    next_slice(harness, in_memory=True)

    assert harness.count("states_lost") == harness.count("jobs_failed") == 0
    assert harness.verify().verdict == "equal"
    assert harness.verify_store().verdict == "equal"


def test_a_store_that_is_away_has_lost_none(harness: MemoryHarness) -> None:
    kept = states(harness)
    harness.send(*[insert(n) for n in range(20, 24)], SEAL)
    begin = harness.worker._training._begin

    def unmounted(*args: object) -> None:
        away = harness.store.root.rename(harness.folder / "away")
        begin(*args)  # type: ignore[arg-type]
        away.rename(harness.store.root)
        harness.worker._training._begin = begin  # type: ignore[method-assign]

    harness.worker._training._begin = unmounted  # type: ignore[method-assign, assignment]
    harness.settle()

    assert harness.count("jobs_failed") == 1
    assert harness.count("states_lost") == 0
    assert kept.items() <= states(harness).items() or harness.learner.forgets
    assert harness.owned.view.crashes == {}
    assert harness.verify().verdict == "equal"


def looked(harness: MemoryHarness) -> None:
    """Long enough for a look at the files, while nothing comes in."""
    for _ in range(3):
        harness.now += 60.0
        harness.turn(2)
    harness.settle()


@pytest.mark.parametrize("spoilt", [False, True], ids=["gone", "spoilt"])
def test_an_idle_owner_finds_a_lost_published_state_and_publishes_it_again(
    harness: MemoryHarness, spoilt: bool
) -> None:
    (entry,) = harness.manifests()[-1][1].shards
    path = harness.store.root / entry.file
    path.write_bytes(path.read_bytes()[:-9]) if spoilt else path.unlink()
    assert harness.verify_store().verdict == "different"

    looked(harness)

    assert harness.count("states_lost") == 1
    (after,) = harness.manifests()[-1][1].shards
    assert after.file != entry.file
    assert (after.digest, after.status) == (entry.digest, "current")
    assert harness.verify_store().verdict == "equal"
    assert unanswered(harness) == wrong_manifests(harness) == wrong_receipts(harness) == []


def test_an_idle_owner_that_finds_all_files_there_does_nothing(harness: MemoryHarness) -> None:
    before = harness.owned.view.states.copy(), harness.count("jobs_failed")

    looked(harness)

    assert (harness.owned.view.states, harness.count("jobs_failed")) == before
    assert harness.count("states_lost") == 0


def test_a_store_that_is_away_has_lost_none_of_the_published(harness: MemoryHarness) -> None:
    before = harness.owned.view.states.copy()
    away = harness.store.root.rename(harness.folder / "away")

    for _ in range(2):
        harness.now += 60.0
        harness.turn(2)

    assert harness.owned.view.states == before
    away.rename(harness.store.root)
    looked(harness)
    assert harness.count("states_lost") == 0
    assert harness.verify_store().verdict == "equal"


def test_a_slice_that_is_gone_gives_no_verdict_and_is_named_once_it_is_needed(harness: MemoryHarness) -> None:
    _, held = next(harness.owned.view.of_shard(0).after())
    path = harness.store.root / (held.file or "")
    kept = path.read_bytes()
    path.unlink()
    LAST_READ.clear()
    assert harness.verify_store().verdict == "incomparable"

    for state in states(harness).values():
        (harness.store.root / state.file).unlink()
    next_slice(harness)

    assert harness.count("jobs_failed") > 0
    assert (held.file or "?") in str(harness.redis.get(harness.owned.state.keys.of("trouble")))
    assert harness.verify_store().verdict == "pending"
    path.write_bytes(kept)
    harness.now += 60.0
    harness.settle()
    assert harness.verify_store().verdict == "equal"
