"""A multiset of rows in one canonical order: by hash, then by number of cells, then cell by cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import NotLearned
from unlearn_models.base.kernel import f64, flag, i32, i64, itself, kernel, none, reads, u64, writes
from unlearn_models.base.rows import Rows
from unlearn_models.positive_unlabelled.roles import hashes


def in_order(rows: Rows, seed: int) -> Rows:
    """The rows sorted in the canonical order; equal rows are side by side."""
    hashed = hashes(rows, seed)
    order = np.argsort(hashed, kind="stable")
    settle(hashed[order], order, rows.indptr, rows.indices, rows.values)
    return rows.take(order)


def is_in_order(rows: Rows, seed: int) -> bool:
    """Whether the rows are in the canonical order."""
    hashed = hashes(rows, seed)
    order = np.arange(len(rows))
    settle(hashed, order, rows.indptr, rows.indices, rows.values)
    return bool((hashed[1:] >= hashed[:-1]).all() and (order[1:] > order[:-1]).all())


def with_rows(held: Rows, more: Rows, seed: int) -> Rows:
    """The held rows, which are in canonical order, and more rows together, in canonical order."""
    return in_order(Rows.concat([held, more]), seed) if len(more) else held


def without(held: Rows, gone: Rows, seed: int) -> Rows:
    """The held rows without one equal row for each row of `gone`, in canonical order.

    Raises NotLearned if a row of `gone` has no equal one.
    """
    if not len(gone):
        return held
    gone = in_order(gone, seed)
    left = np.ones(len(held), np.bool_)
    mine = hashes(held, seed), held.indptr, held.indices, held.values
    theirs = hashes(gone, seed), gone.indptr, gone.indices, gone.values
    if not strike(*mine, *theirs, left):
        raise NotLearned("a labelled row to forget is not among those held out")
    return held.take(left)


@kernel(i64, *(reads(i64), reads(i32), reads(f64), i64), *(reads(i64), reads(i32), reads(f64), i64), plain=itself)
def _compare(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    row: int,
    other_indptr: NDArray[np.int64],
    other_indices: NDArray[np.int32],
    other_values: NDArray[np.float64],
    other: int,
) -> int:
    """-1, 0 or 1: the row comes before the other one, is equal to it, or comes after it."""
    start, at = indptr[row], other_indptr[other]
    size, other_size = indptr[row + 1] - start, other_indptr[other + 1] - at
    if size != other_size:
        return -1 if size < other_size else 1
    for i in range(size):
        if indices[start + i] != other_indices[at + i]:
            return -1 if indices[start + i] < other_indices[at + i] else 1
        if values[start + i] != other_values[at + i]:
            return -1 if values[start + i] < other_values[at + i] else 1
    return 0


@kernel(none, reads(u64), writes(i64), reads(i64), reads(i32), reads(f64), plain=itself)
def settle(
    hashed: NDArray[np.uint64],
    order: NDArray[np.int64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
) -> None:
    """Kernel: sort rows of equal hash by content; hashed[i] is that of row order[i] and ascends, order is changed."""
    for i in range(1, len(order)):
        row, j = order[i], i
        while j > 0 and hashed[j - 1] == hashed[i]:
            if _compare(indptr, indices, values, row, indptr, indices, values, order[j - 1]) >= 0:
                break
            order[j] = order[j - 1]
            j -= 1
        order[j] = row


@kernel(
    flag,
    *(reads(u64), reads(i64), reads(i32), reads(f64)),
    *(reads(u64), reads(i64), reads(i32), reads(f64)),
    writes(flag),
    plain=itself,
)
def strike(
    hashed: NDArray[np.uint64],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    gone_hashed: NDArray[np.uint64],
    gone_indptr: NDArray[np.int64],
    gone_indices: NDArray[np.int32],
    gone_values: NDArray[np.float64],
    left: NDArray[np.bool_],
) -> bool:
    """Kernel: clear left[row] of one equal row for each row of `gone`, both sides in canonical order.

    False as soon as one has no equal row; `left` is partly cleared then.
    """
    row = 0
    for gone in range(len(gone_hashed)):
        while row < len(hashed):
            same = hashed[row] == gone_hashed[gone]
            if same and not _compare(indptr, indices, values, row, gone_indptr, gone_indices, gone_values, gone):
                break
            row += 1
        if row == len(hashed):
            return False
        left[row] = False
        row += 1
    return True
