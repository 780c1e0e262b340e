"""Which checkpoints are worth their bytes."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_models.sisa.checkpoint_policies import by_age, expected_rows, spaced, weights_of_ages


def test_spaced_cuts_the_log_into_equal_runs() -> None:
    assert spaced(range(1, 8), 3) == {2, 4, 6}
    assert spaced(range(10, 100, 10), 4) == {20, 40, 60, 80}
    assert spaced([30, 10, 20], 5) == {10, 20, 30}
    assert spaced(range(1, 8), 0) == set()


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 9, 100])
def test_spaced_keeps_as_many_as_it_may(count: int, limit: int) -> None:
    assert len(spaced(range(10, 10 * count + 10, 10), limit)) == min(count, limit)


def test_recent_deletions_draw_checkpoints_to_the_end() -> None:
    # given: 20 slices of 100 rows, states of one size, room for 4
    ends, sizes, rows = list(range(1, 20)), [10] * 19, [100] * 20
    recent = weights_of_ages([0] * 50 + [1] * 25 + [2] * 12 + [3] * 6, 20)
    # when
    kept = by_age(ends, sizes, rows, recent, 40)
    # then
    assert kept == {8, 16, 18, 19}
    assert expected_rows(ends, kept, rows, recent) < expected_rows(ends, spaced(ends, 4), rows, recent)


def test_ages_alike_give_equal_runs() -> None:
    ends = list(range(1, 20))
    assert by_age(ends, [10] * 19, [100] * 20, [1.0] * 20, 30) == spaced(ends, 3) == {5, 10, 15}


def test_ages_are_counted_from_the_newest_slice() -> None:
    assert weights_of_ages([0, 0, 2, 99], 3) == [2.5, 0.5, 2.5]


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[int], list[int], list[int], list[float], int]:
    n = draw(st.integers(0, 7))
    ends = sorted(draw(st.sets(st.integers(1, 99), min_size=n, max_size=n)))
    sizes = draw(st.lists(st.integers(1, 20), min_size=n, max_size=n))
    rows = draw(st.lists(st.integers(0, 50), min_size=n + 1, max_size=n + 1))
    weights = draw(st.lists(st.floats(0.5, 20), min_size=n + 1, max_size=n + 1))
    return ends, sizes, rows, weights, draw(st.integers(0, 80))


@given(logs())
def test_no_other_choice_within_the_budget_is_better(
    log: tuple[list[int], list[int], list[int], list[float], int],
) -> None:
    ends, sizes, rows, weights, budget = log
    size = dict(zip(ends, sizes, strict=True))
    kept = by_age(*log)
    fitting = [c for r in range(len(ends) + 1) for c in combinations(ends, r) if sum(size[e] for e in c) <= budget]
    best = min(expected_rows(ends, set(choice), rows, weights) for choice in fitting)
    assert sum(size[end] for end in kept) <= budget
    assert expected_rows(ends, kept, rows, weights) <= best * (1 + 1e-9)
