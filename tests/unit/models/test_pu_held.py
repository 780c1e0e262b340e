"""The multiset of rows held out where hashes are equal: content decides."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from unlearn_models import NotLearned, Rows
from unlearn_models.positive_unlabelled import held_out_rows
from unlearn_models.positive_unlabelled.held_out_rows import settle, strike

# In the order of content: by length, then cell by cell, a feature before its value.
ASCENDING = [[], [(1, 2.0)], [(1, 2.0)], [(1, 3.0)], [(4, -1.0)], [(4, 1.0)], [(1, 2.0), (2, 1.0)]]


def rows_of(cells: list[list[tuple[int, float]]]) -> Rows:
    return Rows(
        np.ones(len(cells), np.int32),
        np.cumsum([0, *map(len, cells)]).astype(np.int64),
        np.array([index for row in cells for index, _ in row], np.int32),
        np.array([value for row in cells for _, value in row], np.float64),
    )


def cells_of(rows: Rows) -> list[list[tuple[int, float]]]:
    return [
        list(zip(rows.indices[start:stop].tolist(), rows.values[start:stop].tolist(), strict=True))
        for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
    ]


def take_away(held: Rows, gone: Rows) -> list[int] | None:
    """Which rows are left, all of one hash; None where one to go is not there."""
    left = np.ones(len(held), np.bool_)
    one, other = (np.full(len(rows), 7, np.uint64) for rows in (held, gone))
    mine, theirs = ((rows.indptr, rows.indices, rows.values) for rows in (held, gone))
    return np.flatnonzero(left).tolist() if strike(one, *mine, other, *theirs, left) else None


def test_rows_of_one_hash_have_one_order() -> None:
    for shuffled in permutations(ASCENDING):
        rows, order = rows_of(list(shuffled)), np.arange(len(shuffled))
        settle(np.full(len(rows), 7, np.uint64), order, rows.indptr, rows.indices, rows.values)
        assert cells_of(rows.take(order)) == ASCENDING


def test_rows_of_other_hashes_stay_where_they_are() -> None:
    rows = rows_of([[(3, 1.0)], [(2, 1.0)], [(1, 1.0)], [(0, 1.0)]])
    order = np.array([1, 0, 3, 2])
    settle(np.array([5, 5, 6, 7], np.uint64), order, rows.indptr, rows.indices, rows.values)
    assert order.tolist() == [1, 0, 3, 2]
    settle(np.array([5, 6, 6, 6], np.uint64), order, rows.indptr, rows.indices, rows.values)
    assert order.tolist() == [1, 3, 2, 0]


def test_each_row_to_go_takes_one_of_its_own_content() -> None:
    held = rows_of(ASCENDING)
    assert take_away(held, rows_of([[(1, 2.0)]])) == [0, 2, 3, 4, 5, 6]
    assert take_away(held, rows_of([[(1, 2.0)], [(1, 2.0)], [(4, 1.0)]])) == [0, 3, 4, 6]
    assert take_away(held, held) == []


@pytest.mark.parametrize(
    "gone", [[[(1, 2.5)]], [[(1, 2.0)]] * 3, [[], []], [[(2, 1.0)]], [[(1, 2.0), (2, 1.5)]]], ids=str
)
def test_a_row_that_is_not_there_is_found_missing(gone: list[list[tuple[int, float]]]) -> None:
    assert take_away(rows_of(ASCENDING), rows_of(gone)) is None


def test_the_multiset_stays_in_order_where_no_hash_tells_rows_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(held_out_rows, "hashes", lambda rows, _seed: np.full(len(rows), 7, np.uint64))
    backwards = rows_of(ASCENDING[::-1])
    # when
    held = held_out_rows.with_rows(rows_of(ASCENDING[:3]), rows_of(ASCENDING[:2:-1]), seed=0)
    left = held_out_rows.without(held, rows_of([ASCENDING[5], ASCENDING[1]]), seed=0)
    # then
    assert cells_of(held) == ASCENDING
    assert cells_of(left) == [ASCENDING[i] for i in (0, 2, 3, 4, 6)]
    assert held_out_rows.is_in_order(held, seed=0)
    assert not held_out_rows.is_in_order(backwards, seed=0)
    with pytest.raises(NotLearned):
        held_out_rows.without(left, rows_of([ASCENDING[5]]), seed=0)
