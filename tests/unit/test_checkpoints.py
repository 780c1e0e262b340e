"""Which states are kept."""

from __future__ import annotations

import pytest

from processor.checkpoints import keep, surplus


def test_few_are_all_kept() -> None:
    assert keep([30, 10, 20], 3) == {10, 20, 30}
    assert surplus([10, 20, 30], 3) == set()


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 9, 100])
def test_the_newest_is_kept_and_no_more_than_the_limit(count: int, limit: int) -> None:
    ends = list(range(10, 10 * count + 10, 10))

    kept = keep(ends, limit)

    assert max(ends) in kept
    assert len(kept) == min(count, limit)


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 9, 100])
def test_surplus_leaves_the_limit_and_the_newest(count: int, limit: int) -> None:
    held = set(range(10, 10 * count + 10, 10))

    left = held - surplus(held, limit)

    assert max(held) in left
    assert len(left) == min(count, limit)


def test_the_kept_are_spread_over_the_log() -> None:
    assert keep(range(10, 90, 10), 4) == {20, 40, 60, 80}


def test_the_one_closest_to_its_neighbours_goes() -> None:
    assert surplus([100, 200, 210, 220], 3) == {210}
