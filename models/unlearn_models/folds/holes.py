"""Rows copied without some of them, by a compiled loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, i32, i64, kernel, none, reads, writes
from unlearn_models.base.rows import Rows

__all__ = ["without"]


def without(rows: Rows, gone: NDArray[np.int64]) -> Rows:
    """The rows except those at the positions gone (k,) int64: ascending, distinct and in range.  The order stays."""
    if not len(gone):
        return rows
    cells = len(rows.indices) - int((rows.indptr[gone + 1] - rows.indptr[gone]).sum())
    left = len(rows) - len(gone)
    labels, indptr = np.empty(left, np.int32), np.zeros(left + 1, np.int64)
    indices, values = np.empty(cells, np.int32), np.empty(cells, np.float64)
    _close(rows.labels, rows.indptr, rows.indices, rows.values, gone, labels, indptr, indices, values)
    return Rows(labels, indptr, indices, values)


@kernel(
    none, reads(i32), reads(i64), reads(i32), reads(f64), reads(i64), writes(i32), writes(i64), writes(i32), writes(f64)
)
def _close(
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    gone: NDArray[np.int64],
    out_labels: NDArray[np.int32],
    out_indptr: NDArray[np.int64],
    out_indices: NDArray[np.int32],
    out_values: NDArray[np.float64],
) -> None:
    hole, at, cell = 0, 0, 0
    for row in range(len(labels)):
        if hole < len(gone) and gone[hole] == row:
            hole += 1
            continue
        for source in range(indptr[row], indptr[row + 1]):
            out_indices[cell] = indices[source]
            out_values[cell] = values[source]
            cell += 1
        out_labels[at] = labels[row]
        at += 1
        out_indptr[at] = cell
