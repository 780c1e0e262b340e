"""Sparse columns: the sorted features that a state has seen, and the index of other features among them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, flag, i32, i64, kernel, none, reads, writes

MAX_FEATURES = 2**31 - 1
# A table over all features costs n_features steps once, a sort or search costs log(m) steps for each cell.
_TABLE_PAYS = 32
_SEARCH_COSTS = 32
"""Steps to search for one feature. The table costs a step for each of all features, however many were seen."""


class Joined(NamedTuple):
    """What `join` gives: features (m,) int32, sorted; old (m0,) int32, the index in it of each old feature; cells
    (nnz,) int32, the index in it of each cell's feature.
    """

    features: NDArray[np.int32]
    old: NDArray[np.int32]
    cells: NDArray[np.int32]


def join(features: NDArray[np.int32], indices: NDArray[np.int32], n_features: int) -> Joined:
    """The union of sorted, distinct features (m0,) int32 and the feature of each cell, indices (nnz,) int32.

    Sorting and a table over all n_features give the same arrays; the cheaper one is used.
    """
    if not len(indices):
        return Joined(features, np.arange(len(features), dtype=np.int32), indices)
    if _sparse(len(features) + len(indices), n_features):
        both = np.union1d(features, indices)
        return Joined(both, _positions(both, features), _positions(both, indices))
    seen = np.zeros(n_features, np.uint8)
    seen[features] = 1
    seen[indices] = 1
    both = np.flatnonzero(seen).astype(np.int32)
    table = _table(both, n_features)
    return Joined(both, table[features], table[indices])


def find(features: NDArray[np.int32], indices: NDArray[np.int32], n_features: int) -> NDArray[np.int32]:
    """Each cell's index among the sorted features, (nnz,) int32; len(features) for a feature that is not among them."""
    if len(indices) * _SEARCH_COSTS < n_features:
        at = _positions(features, indices)
        if len(features):
            at[features[np.minimum(at, len(features) - 1)] != indices] = len(features)
        return at
    return _table(features, n_features)[indices]


def _sparse(cells: int, n_features: int) -> bool:
    return cells * _TABLE_PAYS < n_features


def _positions(features: NDArray[np.int32], indices: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.searchsorted(features, indices).astype(np.int32)


def _table(features: NDArray[np.int32], n_features: int) -> NDArray[np.int32]:
    table = np.full(n_features, len(features), np.int32)
    table[features] = np.arange(len(features), dtype=np.int32)
    return table


def _row_in_order(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    n_features: int,
    good: NDArray[np.bool_],
) -> None:
    """As the kernel `row_in_order`."""
    last = np.empty_like(indices)
    last[1:] = indices[:-1]
    last[indptr[:-1][indptr[:-1] < indptr[1:]]] = -1
    size = np.abs(values)
    clear_rows(indptr, (last < indices) & (indices < n_features) & (size > 0.0) & (size < np.inf), good, True)


def clear_rows(
    indptr: NDArray[np.int64], fine: NDArray[np.bool_], good: NDArray[np.bool_], start: bool | NDArray[np.bool_]
) -> None:
    """Set good (n,) to `start`, and to False where a cell of the row isn't fine (nnz,)."""
    good[:] = start
    if not fine.all():
        good[np.searchsorted(indptr, np.flatnonzero(~fine), side="right") - 1] = False


@kernel(none, reads(i64), reads(i32), reads(f64), i64, writes(flag), plain=_row_in_order)
def row_in_order(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    n_features: int,
    good: NDArray[np.bool_],
) -> None:
    """Kernel: good (n,) says whether a row's indices ascend in [0, n_features) and its values are finite and not 0."""
    for row in range(len(good)):
        fine, last = True, -1
        for cell in range(indptr[row], indptr[row + 1]):
            index, value = indices[cell], values[cell]
            fine &= last < index < n_features and 0.0 < abs(value) < np.inf
            last = index
        good[row] = fine
