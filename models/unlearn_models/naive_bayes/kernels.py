"""The compiled loops that count rows and subtract them again, and those that score by the counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, flag, i32, i64, kernel, none, reads, writes
from unlearn_models.base.kernels.feature_index import place_of
from unlearn_models.naive_bayes import plain
from unlearn_models.naive_bayes.plain import LARGEST


@kernel(none, reads(i64), reads(f64), writes(flag), plain=plain.whole)
def whole(indptr: NDArray[np.int64], values: NDArray[np.float64], good: NDArray[np.bool_]) -> None:
    """Kernel: clear good[row] where a value of the row is no whole number in 1..2**31-1."""
    for row in range(len(good)):
        fine = good[row]
        for cell in range(indptr[row], indptr[row + 1]):
            value = values[cell]
            fine &= value > 0.0 and value <= LARGEST and value == np.floor(value)
        good[row] = fine


@kernel(none, reads(i32), reads(i64, 2), reads(i32), writes(i64, 2), plain=plain.add_columns)
def add_columns(
    features: NDArray[np.int32],
    counts: NDArray[np.int64],
    wanted: NDArray[np.int32],
    found: NDArray[np.int64],
) -> None:
    """Kernel: add the counts (classes, m) of the wanted features (w,), sorted as those of the state are, to found
    (classes, w).

    Each is looked for behind the one before, in steps that double and then halve: exponential search (Bentley and Yao,
    "An almost optimal algorithm for unbounded searching", 1976). That is a merge where there are many, a binary search
    where there are few.
    """
    held, low = len(features), 0
    for at in range(len(wanted)):
        feature, step = wanted[at], 1
        high = low
        while high < held and features[high] < feature:
            low = high + 1
            high += step
            step *= 2
        high = min(high, held)
        while low < high:
            middle = (low + high) // 2
            if features[middle] < feature:
                low = middle + 1
            else:
                high = middle
        if low < held and features[low] == feature:
            for k in range(len(counts)):
                found[k, at] += counts[k, low]


@kernel(
    none,
    *(reads(i64), reads(i32), reads(f64), reads(f64), reads(f64, 2), writes(f64, 2)),
    plain=plain.log_scores,
)
def log_scores(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    prior: NDArray[np.float64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Kernel: out (n, classes) is prior (classes,) plus the sum of each cell's value times its feature's weight.

    cells (nnz,) are the features' places in weights (w, classes).
    """
    for row in range(len(out)):
        for k in range(len(prior)):
            score = prior[k]
            for cell in range(indptr[row], indptr[row + 1]):
                score += values[cell] * weights[cells[cell], k]
            out[row, k] = score


@kernel(
    i64,
    *(reads(i32), reads(i64), reads(i32), reads(f64), i64),
    *(writes(i64), writes(i64), writes(i32), writes(i64, 2), writes(i64)),
)
def add(
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    row: int,
    sizes: NDArray[np.int64],
    index: NDArray[np.int64],
    features: NDArray[np.int32],
    counts: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> int:
    """Kernel: count the labelled rows from `row` on; returns the row that found no room, or the number of rows.

    sizes: (slots in use,).  counts (1 + slots, classes); its row 0 holds each class's sum, so that of slot s is s + 1.
    seen (classes,): rows by class.
    """
    used = sizes[0]
    while row < len(labels):
        start, stop, label = indptr[row], indptr[row + 1], labels[row]
        if used + stop - start > len(features):
            break
        row += 1
        if label < 0:
            continue
        seen[label] += 1
        total = 0
        for cell in range(start, stop):
            feature: Any = np.int64(indices[cell])
            value: Any = np.int64(values[cell])
            at = place_of(index, feature)
            if index[at] == 0:
                features[used] = feature
                used += 1
                index[at] = (feature << 32) + used
            counts[index[at] & 0xFFFFFFFF, label] += value
            total += value
        counts[0, label] += total
    sizes[0] = used
    return row


@kernel(none, reads(i32), reads(i64), reads(i32), reads(f64), i64, i64, reads(i64), writes(i64, 2), writes(i64))
def _give_back(
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    rows: int,
    cells: int,
    index: NDArray[np.int64],
    counts: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> None:
    """Undo `take` for the first `rows` rows, and for the first `cells` cells of the row after them."""
    for row in range(rows + (cells > 0)):
        label = labels[row]
        if label < 0:
            continue
        stop = indptr[row + 1] if row < rows else indptr[row] + cells
        for cell in range(indptr[row], stop):
            feature: Any = np.int64(indices[cell])
            value: Any = np.int64(values[cell])
            counts[index[place_of(index, feature)] & 0xFFFFFFFF, label] += value
            counts[0, label] += value
        seen[label] += row < rows


@kernel(flag, reads(i32), reads(i64), reads(i32), reads(f64), i64, reads(i64), writes(i64, 2), writes(i64))
def take(
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    values: NDArray[np.float64],
    n_features: int,
    index: NDArray[np.int64],
    counts: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> bool:
    """Kernel: subtract the rows; False, with nothing changed, if they can't all have been learned or one is malformed.

    They can't where a count or a number of rows would be negative, or counts would be left in a class without rows.
    """
    for row in range(len(labels)):
        start, stop, label = indptr[row], indptr[row + 1], labels[row]
        good: Any = -1 <= label < len(seen)
        last, cell = np.int64(-1), start
        while good and cell < stop:
            feature: Any = np.int64(indices[cell])
            value = values[cell]
            good = last < feature < n_features and 1.0 <= value <= LARGEST and value == np.floor(value)
            if good and label >= 0:
                entry = index[place_of(index, feature)]
                good = entry != 0 and counts[entry & 0xFFFFFFFF, label] >= np.int64(value)
                if good:
                    counts[entry & 0xFFFFFFFF, label] -= np.int64(value)
                    counts[0, label] -= np.int64(value)
            last, cell = feature, cell + good
        if good and label >= 0:
            good = seen[label] > 0
            seen[label] -= good
        if not good:
            _give_back(labels, indptr, indices, values, row, cell - start, index, counts, seen)
            return False
    for label in range(len(seen)):
        if seen[label] == 0 and counts[0, label] != 0:
            _give_back(labels, indptr, indices, values, len(labels), 0, index, counts, seen)
            return False
    return True
