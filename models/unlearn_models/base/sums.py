"""Sums of rows' cells, each added up from the first cell to the last, as a loop does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["rows_of_cells", "sums_by_row"]


def rows_of_cells(indptr: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of each cell, (nnz,) int64."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def sums_by_row(
    indptr: NDArray[np.int64], starts: NDArray[np.float64], terms: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """out (n, k) gets starts (k,) plus the terms (nnz, k) of each row's cells, one after the other.

    `bincount` and `cumsum` add in the order given; numpy's `sum` has an order of its own.
    """
    n = len(out)
    if n == 1:
        out[0] = np.cumsum(np.concatenate([starts[None], terms]), axis=0)[-1]
        return
    at = np.concatenate([np.arange(n), rows_of_cells(indptr)])
    for k, start in enumerate(starts):
        out[:, k] = np.bincount(at, np.concatenate([np.full(n, start), terms[:, k]]), n)
