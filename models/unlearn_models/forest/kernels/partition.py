"""Rows sorted into those that go left and those that go right."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, none
from unlearn_models.forest.kernels.signatures import (
    BITS,
    GATHERED,
    IDS,
    ONE,
    PLACES,
    RANKS,
    ROWS,
    W63,
    WHERE,
    WORDS,
    ZERO,
    Ints,
    Longs,
    Words,
)

SPARSE = 16
"""Rows that fill fewer than one slot in so many are not sorted."""


@lean_kernel(i64, i64, i64, ROWS, i64, i64, ROWS, BITS, IDS, RANKS, PLACES, WHERE)
def partition(
    feature: Any,
    identity: Any,
    rows: Ints,
    low: Any,
    high: Any,
    spare: Ints,
    bits: Words,
    ids: Ints,
    ranks: Ints,
    places: Longs,
    where: Ints,
) -> Any:
    """Move the rows of rows[low:high] that go left to the front; returns where the right side starts.

    Both sides keep the order they had.
    """
    column = where[feature]
    left, right = low, np.int64(0)
    if column < 0:
        b = -1 - column
        w, shift = b >> 6, np.uint64(b & 63)
        for i in range(low, high):
            row = rows[np.uint64(i)]
            rows[np.uint64(left)] = row
            spare[np.uint64(right)] = row
            above = np.int64((bits[row, w] >> shift) & ONE)
            right += above
            left += 1 - above
    else:
        start = places[column, 0]
        rank = ranks[start + identity]
        for i in range(low, high):
            row = rows[np.uint64(i)]
            rows[np.uint64(left)] = row
            spare[np.uint64(right)] = row
            above = np.int64(ranks[np.uint64(start + ids[column, row])] > rank)
            right += above
            left += 1 - above
    for i in range(right):
        rows[np.uint64(left + i)] = spare[np.uint64(i)]
    return left


@lean_kernel(i64, i64, ROWS, i64, i64, ROWS, WORDS)
def partition_bits(b: Any, rows: Ints, low: Any, high: Any, spare: Ints, words: Words) -> Any:
    """As `partition`, by a column of bits, for the rows that were scanned last: their bits are still in `words`."""
    left, right, shift = low, np.int64(0), np.uint64(b & 63)
    gathered = np.uint64(GATHERED + (b >> 6) * (high - low))
    for i in range(high - low):
        row = rows[np.uint64(low + i)]
        rows[np.uint64(left)] = row
        spare[np.uint64(right)] = row
        above = np.int64((words[gathered + np.uint64(i)] >> shift) & ONE)
        right += above
        left += 1 - above
    for i in range(right):
        rows[np.uint64(left + i)] = spare[np.uint64(i)]
    return left


@lean_kernel(none, ROWS, i64, WORDS, i64)
def line_up(rows: Ints, n: Any, words: Words, slots: Any) -> None:
    """Sort rows[:n] by slot unless they are too few for it to pay: neighbours in memory are read faster.

    rows[n] may be overwritten.
    """
    marks = (slots >> 6) + 1
    if n * SPARSE < slots or marks > len(words):
        return
    for w in range(marks):
        words[np.uint64(w)] = ZERO
    for i in range(n):
        row = np.uint64(rows[np.uint64(i)])
        words[row >> np.uint64(6)] |= ONE << (row & W63)
    end = np.int64(0)
    for w in range(marks):
        mark = words[np.uint64(w)]
        if mark != ZERO:
            for b in range(64):
                rows[np.uint64(end)] = (w << 6) + b
                end += np.int64((mark >> np.uint64(b)) & ONE)
