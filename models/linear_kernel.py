"""The compiled inner loops of the linear learner, and the exp they use."""

from __future__ import annotations

from math import factorial, sqrt

import numpy as np
from numpy.typing import NDArray

from models.kernel import f64, i32, i64, kernel, none, reads, writes

_LOG2 = 0.6931471805599453
_LOG2_HIGH = 0.6931471803691238  # 33 bits: k * _LOG2_HIGH is exact
_LOG2_LOW = 1.9082149292705877e-10
_TAYLOR = tuple(1.0 / factorial(n) for n in range(13, -1, -1))
_FARTHEST = 40.0  # beyond, 1 + exp(-x) is 1

# Sums of sizes are kept 2**-40 times too small, so that none is infinite; the longest row has length 32.
_SHRINK = 2.0**-40
_LONGEST = 32.0**2 * _SHRINK
# What is smaller counts as absent, so that no square is ever subnormal.
_FAINT = 1e-100


@kernel(f64, f64)
def decay(x: float) -> float:
    """exp(-x) for x >= 0, held at x = 40; within 2 units in the last place.

    -x = r - k log 2 with |r| <= log(2) / 2, then Taylor's polynomial of degree 13 in r.
    """
    x = min(x, _FARTHEST)
    k = np.int64(x / _LOG2 + 0.5)
    r = k * _LOG2_LOW - (x - k * _LOG2_HIGH)
    power = 0.0
    for n in range(14):
        power = power * r + _TAYLOR[n]
    return power / np.float64(np.int64(1) << k)


@kernel(f64, f64)
def sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)), as precise for small probabilities as for large ones."""
    if z >= 0.0:
        return 1.0 / (1.0 + decay(z))
    e = decay(-z)
    return e / (1.0 + e)


@kernel(none, reads(f64), i64, i64, writes(f64))
def dampen(values: NDArray[np.float64], start: int, stop: int, out: NDArray[np.float64]) -> None:
    """The signed roots of values[start:stop] into out, scaled down where their length is over 32.

    Roots tame counts; the bound keeps gradients, and with them states, finite.
    """
    total = 0.0
    for cell in range(start, stop):
        total += abs(values[cell]) * _SHRINK
    scale = 1.0 if total <= _LONGEST else sqrt(_LONGEST / total)
    for cell in range(start, stop):
        size = sqrt(abs(values[cell])) * scale
        if size < _FAINT:
            size = 0.0
        out[cell - start] = size if values[cell] > 0.0 else -size


@kernel(i64, reads(i64))
def longest(indptr: NDArray[np.int64]) -> int:
    """The most cells in a row."""
    most = 0
    for row in range(len(indptr) - 1):
        most = max(most, indptr[row + 1] - indptr[row])
    return most


@kernel(none, writes(f64, 3), writes(f64, 2), reads(i32), reads(i64), reads(i32), reads(f64), f64, f64)
def descend(
    table: NDArray[np.float64],
    bias: NDArray[np.float64],
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    lr: float,
    eps: float,
) -> None:
    """One pass over the rows; changes table (m, K, 2) and bias (K, 2): weight and sum of squares each."""
    vectors = len(bias)
    damped = np.empty(longest(indptr), np.float64)
    for row in range(len(labels)):
        start = indptr[row]
        size = indptr[row + 1] - start
        dampen(values, start, start + size, damped)
        for k in range(vectors):
            z = bias[k, 0]
            for i in range(size):
                z += table[cells[start + i], k, 0] * damped[i]
            slope = -sigmoid(-z) if labels[row] == (k if vectors > 1 else 1) else sigmoid(z)
            bias[k, 1] += slope * slope
            bias[k, 0] -= lr * slope / sqrt(bias[k, 1] + eps)
            for i in range(size):
                at, g = cells[start + i], slope * damped[i]
                table[at, k, 1] += g * g
                table[at, k, 0] -= lr * g / sqrt(table[at, k, 1] + eps)


@kernel(none, reads(i64), reads(i32), reads(f64), reads(f64, 2), reads(f64), writes(f64, 2))
def probabilities(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """out (n, classes): the second class's probability, or each class's against the rest over their sum."""
    vectors = len(bias)
    damped = np.empty(longest(indptr), np.float64)
    for row in range(len(out)):
        start = indptr[row]
        size = indptr[row + 1] - start
        dampen(values, start, start + size, damped)
        total = 0.0
        for k in range(vectors):
            z = bias[k]
            for i in range(size):
                z += weights[cells[start + i], k] * damped[i]
            out[row, k] = sigmoid(z)
            total += out[row, k]
            if vectors == 1:
                out[row, 0], out[row, 1] = sigmoid(-z), sigmoid(z)
        for k in range(vectors if vectors > 1 else 0):
            out[row, k] /= total
