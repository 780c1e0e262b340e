"""Rows: what they refuse, what take and concat keep."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from unlearn_models import BadRows, Rows


def rows() -> Rows:
    return Rows(
        np.array([0, 1, -1], np.int32),
        np.array([0, 2, 2, 5], np.int64),
        np.array([3, 7, 1, 2, 9], np.int32),
        np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    )


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("labels", np.array([0, 1, 1], np.int64)),
        ("labels", np.array([0, 1], np.int32)),
        ("labels", np.array([[0, 1, 1]], np.int32)),
        ("labels", [0, 1, 1]),
        ("indptr", np.array([0, 2, 2, 5], np.int32)),
        ("indptr", np.array([1, 2, 2, 5], np.int64)),
        ("indptr", np.array([0, 2, 2, 4], np.int64)),
        ("indptr", np.array([0, 6, 2, 5], np.int64)),
        ("indices", np.array([3, 7, 1, 2], np.int32)),
        ("values", np.ones(5, np.float32)),
        ("values", np.ones(5, ">f8")),
    ],
)
def test_columns_that_disagree_are_refused(name: str, array: NDArray[np.int64]) -> None:
    good = rows()
    columns = {key: getattr(good, key) for key in ("labels", "indptr", "indices", "values")}
    with pytest.raises(BadRows):
        Rows(**(columns | {name: array}))


def test_unaligned_and_strided_columns_become_plain_ones() -> None:
    # given
    good = rows()
    data = b"x" + good.values.tobytes()
    # when
    odd = Rows(np.repeat(good.labels, 2)[::2], good.indptr, good.indices, np.frombuffer(data, np.float64, offset=1))
    # then
    assert odd.labels.flags.c_contiguous
    assert odd.values.flags.aligned
    assert odd.values.tolist() == good.values.tolist()


def test_take_keeps_the_order_given() -> None:
    taken = rows().take(np.array([2, 0, 2]))
    assert taken.labels.tolist() == [-1, 0, -1]
    assert taken.indptr.tolist() == [0, 3, 5, 8]
    assert taken.indices.tolist() == [1, 2, 9, 3, 7, 1, 2, 9]
    assert taken.values.tolist() == [3.0, 4.0, 5.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_mask_takes_the_rows_where_it_is_true() -> None:
    taken = rows().take(np.array([False, True, True]))
    assert taken.labels.tolist() == [1, -1]
    assert taken.indptr.tolist() == [0, 0, 3]


def test_concat_of_nothing_is_empty() -> None:
    assert len(Rows.concat([])) == 0
    assert len(Rows.concat([Rows.empty(), Rows.empty()])) == 0


def test_rows_go_through_pickle() -> None:
    back = pickle.loads(pickle.dumps(rows()))
    assert back.indices.tolist() == rows().indices.tolist()
