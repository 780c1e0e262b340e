"""The compiled inner loops of the linear learner, and the exp they use."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, flag, i32, i64, kernel, none, reads, writes
from unlearn_models.base.kernels.feature_index import place_of
from unlearn_models.linear import plain
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


@kernel(f64, f64)
def decay(x: float) -> float:
    """exp(-x) for x >= 0, with x cut off at 40; within 2 units in the last place.

    -x = r - k log 2 with |r| <= log(2) / 2, then Taylor's polynomial of degree 13 in r.
    """
    x = min(x, FARTHEST)
    k = np.int64(x * PER_LOG2 + 0.5)
    r = k * LOG2_LOW - (x - k * LOG2_HIGH)
    square, even, odd = r * r, 0.0, 0.0
    # Two sums, so that neither waits for the other.
    for n in range(7):
        even = even * square + EVEN[n]
        odd = odd * square + ODD[n]
    return (even + r * odd) * HALVES[k]


@kernel(f64, f64)
def sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)), as precise for small probabilities as for large ones."""
    if z >= 0.0:
        return 1.0 / (1.0 + decay(z))
    e = decay(-z)
    return e / (1.0 + e)


@kernel(none, reads(f64), i64, i64, writes(f64))
def dampen(values: NDArray[np.float64], start: int, stop: int, out: NDArray[np.float64]) -> None:
    """Kernel: the signed square roots of values[start:stop] into out, scaled down if their Euclidean length is over 8.

    Square roots reduce large counts; the bound keeps gradients, and with them states, finite.  Results below 1e-100
    become 0.
    """
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    cell = start
    while cell + 4 <= stop:
        a += abs(values[cell]) * SHRINK
        b += abs(values[cell + 1]) * SHRINK
        c += abs(values[cell + 2]) * SHRINK
        d += abs(values[cell + 3]) * SHRINK
        cell += 4
    while cell < stop:
        a += abs(values[cell]) * SHRINK
        cell += 1
    total = (a + b) + (c + d)
    scale = 1.0 if total <= LONGEST else sqrt(LONGEST / total)
    for cell in range(start, stop):
        size = sqrt(abs(values[cell])) * scale
        if size < FAINT:
            size = 0.0
        out[cell - start] = size if values[cell] > 0.0 else -size


@kernel(f64, reads(f64), reads(f64), i64)
def dot(w: NDArray[np.float64], x: NDArray[np.float64], size: int) -> float:
    """The sum of the first `size` products; four partial sums, so that none waits for another."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    i = 0
    while i + 4 <= size:
        a += w[i] * x[i]
        b += w[i + 1] * x[i + 1]
        c += w[i + 2] * x[i + 2]
        d += w[i + 3] * x[i + 3]
        i += 4
    while i < size:
        a += w[i] * x[i]
        i += 1
    return (a + b) + (c + d)


@kernel(i64, reads(i64))
def longest(indptr: NDArray[np.int64]) -> int:
    """The largest number of cells in a row; 0 if there are no rows."""
    most = 0
    for row in range(len(indptr) - 1):
        most = max(most, indptr[row + 1] - indptr[row])
    return most


@kernel(
    i64,
    *(reads(i64), reads(i32), reads(f64), i64),
    *(writes(i64), writes(i64), writes(i32), writes(i32), writes(f64)),
)
def enter(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    row: int,
    used: NDArray[np.int64],
    index: NDArray[np.int64],
    features: NDArray[np.int32],
    slots: NDArray[np.int32],
    damped: NDArray[np.float64],
) -> int:
    """Kernel: each cell's slot and scaled value into slots and damped (nnz,), from this row on.

    Returns the row that found no room, or the number of rows.  used (1,): slots in use; a feature not met before gets
    the next one.  index as in `feature_index`.
    """
    while row < len(indptr) - 1:
        start, stop = indptr[row], indptr[row + 1]
        if used[0] + stop - start > len(features):
            break
        dampen(values, start, stop, damped[start:stop])
        for cell in range(start, stop):
            feature: Any = np.int64(indices[cell])
            at = place_of(index, feature)
            entry = index[at]
            if entry == 0:
                features[used[0]] = feature
                used[0] += 1
                entry = (feature << 32) + used[0]
                index[at] = entry
            slots[cell] = (entry & 0xFFFFFFFF) - 1
        row += 1
    return row


@kernel(i64, reads(i32), i32, writes(i32), writes(i32), writes(i32))
def distinct(
    slots: NDArray[np.int32],
    leg: int,
    stamps: NDArray[np.int32],
    out: NDArray[np.int32],
    earlier: NDArray[np.int32],
) -> int:
    """Kernel: a leg's distinct slots into out, the last leg before it with each slot into earlier; returns how many.

    stamps (slots,) holds the last leg that had each slot, -1 for none.
    """
    found = 0
    for slot in slots:
        out[found], earlier[found] = slot, stamps[slot]
        found += stamps[slot] != leg
        stamps[slot] = leg
    return found


@kernel(flag, reads(i64), reads(i64), writes(i32), writes(i32), writes(f64))
def strike(
    at: NDArray[np.int64],
    indptr: NDArray[np.int64],
    labels: NDArray[np.int32],
    slots: NDArray[np.int32],
    damped: NDArray[np.float64],
) -> bool:
    """Kernel: set the labels of the rows at these positions to -1, and their cells to 0.

    False, with nothing changed, if a position is out of range.
    """
    for row in at:
        if row < 0 or row >= len(labels):
            return False
    for row in at:
        labels[row] = -1
        slots[indptr[row] : indptr[row + 1]] = 0
        damped[indptr[row] : indptr[row + 1]] = 0.0
    return True


@kernel(none, i64, i64, reads(i32), reads(i32), i64, writes(f64, 3), writes(f64, 3))
def exchange(
    start: int,
    stop: int,
    touched: NDArray[np.int32],
    earlier: NDArray[np.int32],
    owed: int,
    before: NDArray[np.float64],
    table: NDArray[np.float64],
) -> None:
    """Kernel: restore the slots touched[start:stop] from `before` where earlier < owed; save the others' values in it.

    earlier ascends between start and stop, so those to restore come first.  table (slots, K, 2); before has a line (K,
    2) for each of touched.
    """
    i = start
    while i < stop and earlier[i] < owed:
        for k in range(table.shape[1]):
            table[touched[i], k, 0] = before[i, k, 0]
            table[touched[i], k, 1] = before[i, k, 1]
        i += 1
    while i < stop:
        for k in range(table.shape[1]):
            before[i, k, 0] = table[touched[i], k, 0]
            before[i, k, 1] = table[touched[i], k, 1]
        i += 1


@kernel(
    none,
    *(reads(i32), reads(i64), reads(i32), reads(f64), reads(i64), i64),
    *(f64, f64),
    *(writes(i64), writes(f64, 3), writes(f64, 2)),
    *(reads(i32), reads(i32), i64, reads(i64), writes(f64, 3), writes(f64, 3), writes(i64, 2)),
)
def descend(
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    slots: NDArray[np.int32],
    damped: NDArray[np.float64],
    edges: NDArray[np.int64],
    room: int,
    lr: float,
    eps: float,
    seen: NDArray[np.int64],
    table: NDArray[np.float64],
    bias: NDArray[np.float64],
    touched: NDArray[np.int32],
    earlier: NDArray[np.int32],
    owed: int,
    ends: NDArray[np.int64],
    before: NDArray[np.float64],
    biases: NDArray[np.float64],
    seens: NDArray[np.int64],
) -> None:
    """Kernel: one pass of AdaGrad over the labelled rows, leg by leg; leg j has the rows edges[j]..edges[j + 1]-1.

    No row has over `room` cells.  seen (classes,): rows by class.  table (slots, K, 2): weight, sum of squared
    gradients. bias (K, 3): weight, sum of squared gradients, running mean.  What they are before leg j is saved in
    biases[j], seens[j] and, for the slots that it touches, before[ends[j]:ends[j + 1]]; but slots that no leg from
    number `owed` on has touched before it are restored from there instead: see `exchange`.
    """
    vectors = len(bias)
    w, squares = np.empty(room, np.float64), np.empty(room, np.float64)
    total = np.sum(seen)
    for leg in range(len(edges) - 1):
        biases[leg], seens[leg] = bias, seen
        exchange(ends[leg], ends[leg + 1], touched, earlier, owed, before, table)
        for row in range(edges[leg], edges[leg + 1]):
            label = labels[row]
            if label < 0:
                continue
            first = indptr[row]
            size = indptr[row + 1] - first
            x, at = damped[first : first + size], slots[first : first + size]
            seen[label] += 1
            total += 1
            for k in range(vectors):
                for i in range(size):
                    w[i] = table[at[i], k, 0]
                    squares[i] = table[at[i], k, 1]
                z = bias[k, 0] + dot(w, x, size)
                slope = -sigmoid(-z) if label == (k if vectors > 1 else 1) else sigmoid(z)
                bias[k, 1] += slope * slope
                bias[k, 0] -= lr * slope / sqrt(bias[k, 1] + eps)
                bias[k, 2] += (bias[k, 0] - bias[k, 2]) * (4.0 / (total + 3.0))
                # On copies that lie together, not in the table, so that several cells are computed at once.
                for i in range(size):
                    g = slope * x[i]
                    squares[i] += g * g
                    w[i] -= lr * g / sqrt(squares[i] + eps)
                for i in range(size):
                    table[at[i], k, 0] = w[i]
                    table[at[i], k, 1] = squares[i]


@kernel(
    none,
    *(reads(i64), reads(i32), reads(f64), reads(f64, 2), reads(f64), writes(f64, 2)),
    plain=plain.probabilities,
)
def probabilities(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Kernel: out (n, classes) from weights (m + 1, K), bias (K,) and each cell's place in weights.

    The sigmoid of one score with two classes; with more, each class's sigmoid against the rest over the sum of them.
    """
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
