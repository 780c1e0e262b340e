"""Scoring by counts without compiled code, in the same bytes: each sum is added up in the kernels' order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.columns import clear_rows
from unlearn_models.base.sums import sums_by_row

__all__ = ["LARGEST", "add_columns", "log_scores", "whole"]

LARGEST = 2.0**31 - 1
"""The largest count that a row may hold."""


def whole(indptr: NDArray[np.int64], values: NDArray[np.float64], good: NDArray[np.bool_]) -> None:
    """As the kernel: clear good[row] where a value of the row is no whole number in 1..2**31-1."""
    clear_rows(indptr, (values > 0.0) & (values <= LARGEST) & (values == np.floor(values)), good, good)


def add_columns(
    features: NDArray[np.int32], counts: NDArray[np.int64], wanted: NDArray[np.int32], found: NDArray[np.int64]
) -> None:
    """As the kernel: add the counts (classes, m) of the wanted features (w,) to found (classes, w)."""
    if len(features):
        at = features.searchsorted(wanted)
        # A feature behind the last is looked for at the last.
        found += counts.take(at, axis=1, mode="clip") * (features.take(at, mode="clip") == wanted)


def log_scores(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    prior: NDArray[np.float64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """As the kernel: out (n, classes) is the prior plus the sum of each cell's value times its feature's weight."""
    with np.errstate(all="ignore"):
        sums_by_row(indptr, prior, values[:, None] * weights[cells], out)
