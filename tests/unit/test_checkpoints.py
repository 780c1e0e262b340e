"""Which states are kept."""

from __future__ import annotations

import pytest

from unlearn.partition.slices.shard_slices import ShardSlices, Slice
from unlearn.training.checkpoints import Budget, surplus, to_drop, to_store

ENDS = range(10, 1010, 10)
SLICES = ShardSlices((end, Slice(rows=10)) for end in ENDS)
RECENT = [0, 0, 1, 1, 2, 3] * 50
OLD = [98, 99, 99] * 50


def sized(ends: range | list[int], size: int = 5) -> dict[int, int]:
    return dict.fromkeys(ends, size)


def kept(held: dict[int, int], budget: Budget, ages: list[int] | None = None) -> list[int]:
    return sorted(set(held) - to_drop(SLICES, held, ages or [], budget))


@pytest.mark.parametrize("ages", [[], RECENT, OLD])
@pytest.mark.parametrize("limit", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 9, 30])
def test_the_newest_is_kept_and_no_more_than_the_limit(count: int, limit: int, ages: list[int]) -> None:
    held = sized(range(1010 - 10 * count, 1010, 10))

    left = kept(held, Budget(limit), ages)

    assert left[-1] == 1000
    assert len(left) == min(count, limit)


@pytest.mark.parametrize("ages", [[], RECENT, OLD])
@pytest.mark.parametrize(("room", "most"), [(1, 1), (5, 1), (9, 1), (10, 2), (24, 4), (25, 5), (10_000, 20)])
def test_bytes_are_a_budget_too(room: int, most: int, ages: list[int]) -> None:
    left = kept(sized(range(810, 1010, 10)), Budget(8, room), ages)

    assert left[-1] == 1000
    assert len(left) <= most
    assert len(left) == most or most == 20


def test_nothing_held_drops_nothing() -> None:
    assert to_drop(SLICES, {}, RECENT, Budget(3)) == set()


def test_recent_deletions_keep_the_newest() -> None:
    held = sized(range(10, 1010, 10))

    assert sum(end >= 960 for end in kept(held, Budget(4), RECENT)) == 3
    assert sum(end >= 960 for end in kept(held, Budget(4))) == 1


def test_without_a_deletion_or_the_policy_steps_are_equal() -> None:
    held = sized(range(10, 90, 10))

    assert kept(held, Budget(4)) == kept(held, Budget(4, by_age=False), RECENT)
    assert kept(sized([100, 200, 210, 220]), Budget(3)) == [100, 200, 220]


def test_the_one_closest_to_its_neighbours_goes() -> None:
    assert surplus([100, 200, 210, 220], 3) == {210}


@pytest.mark.parametrize("ages", [[], RECENT, OLD])
def test_a_job_stores_its_last_end_and_what_it_would_keep(ages: list[int]) -> None:
    learn = list(range(510, 1010, 10))

    stored = to_store(SLICES, sized([100, 300, 500]), learn, ages, Budget(6))

    assert 1000 in stored
    assert stored <= set(learn)
    assert len(stored) <= 6


def test_a_job_after_recent_deletions_stores_the_newest() -> None:
    stored = to_store(SLICES, {}, list(ENDS), RECENT, Budget(4))

    assert sum(end >= 960 for end in stored) == 3


def test_a_job_that_learns_nothing_stores_nothing_on_the_way() -> None:
    assert to_store(SLICES, sized([100]), [], RECENT, Budget(4)) == set()
