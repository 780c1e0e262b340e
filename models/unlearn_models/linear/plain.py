"""The linear learner's probabilities without compiled code, in the same bytes: all goes in the kernels' order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.sums import rows_of_cells, sums_by_row
from unlearn_models.linear.constants import (
    EVEN,
    FAINT,
    FARTHEST,
    HALVES,
    LOG2_HIGH,
    LOG2_LOW,
    LONGEST,
    ODD,
    PER_LOG2,
    SHRINK,
)

__all__ = ["probabilities"]

_HALVES = np.array(HALVES)
_LANES = 4
"""The partial sums of a row's sizes, as in the kernel `dampen`."""


def probabilities(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """As the kernel: out (n, classes) from weights (m + 1, K), bias (K,) and each cell's place in weights."""
    scores = np.empty((len(out), len(bias)))
    with np.errstate(all="ignore"):
        sums_by_row(indptr, bias, weights[cells] * _damped(indptr, values)[:, None], scores)
        if len(bias) == 1:
            out[:, 0], out[:, 1] = _sigmoid(-scores[:, 0]), _sigmoid(scores[:, 0])
            return
        out[:] = _sigmoid(scores)
        out /= np.cumsum(out, axis=1)[:, -1:]


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    e = _decay(np.abs(z))
    return np.where(z >= 0.0, 1.0, e) / (1.0 + e)


def _decay(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(-x) for x >= 0, as the kernel `decay`."""
    x = np.minimum(x, FARTHEST)
    k = (x * PER_LOG2 + 0.5).astype(np.int64)
    r = k * LOG2_LOW - (x - k * LOG2_HIGH)
    square = r * r
    even, odd = np.zeros_like(x), np.zeros_like(x)
    for of_even, of_odd in zip(EVEN, ODD, strict=True):
        even = even * square + of_even
        odd = odd * square + of_odd
    found: NDArray[np.float64] = (even + r * odd) * _HALVES[k]
    return found


def _damped(indptr: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The signed square roots of the values, as the kernel `dampen` scales them."""
    scale = _scales(indptr, np.abs(values) * SHRINK)
    size = np.sqrt(np.abs(values)) * scale[rows_of_cells(indptr)]
    size[size < FAINT] = 0.0
    return np.copysign(size, values)


def _scales(indptr: NDArray[np.int64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each row's values are scaled by, (n,): 1, or less where the row is too long."""
    row, n = rows_of_cells(indptr), len(indptr) - 1
    place = np.arange(len(sizes)) - indptr[row]
    whole = np.diff(indptr)[row] // _LANES * _LANES
    lane = np.where(place < whole, place % _LANES, 0)
    sums = np.bincount(row * _LANES + lane, sizes, n * _LANES).reshape(n, _LANES)
    total = (sums[:, 0] + sums[:, 1]) + (sums[:, 2] + sums[:, 3])
    return np.where(total <= LONGEST, 1.0, np.sqrt(LONGEST / total))
