# ruff: noqa: C901, PLR0912  a kernel: calls of many arguments cost more than branches
"""Kernels that code rows (columns of at most two values as bits, others as places in a dictionary) and find rows.

low, high (features,): the two values of a column of bits, high is NaN while only one was seen.
where (features,): numeric column, or -1 - bit.  slot: where a row's data are in all arrays of the table.
index: a hash index with linear probing, slot + 1 of a row or 0 where it is free; its length is a power of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, flag, i32, i64, kernel, none, reads, u8, u64, writes

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

FITS, NEW_SHAPE = -2, -1
_TINY, _HUGE = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)
_ONE = np.uint64(1)
_SHIFT = np.uint64(29)


@kernel(flag, reads(f64), writes(f64))
def normalise(x: Floats, out: Floats) -> Any:
    """Kernel: x into out, with 0.0 for -0.0; false if a number is NaN, infinite or subnormal."""
    good = True
    for i in range(len(x)):
        v = x[i]
        good &= (v == 0.0) | ((v >= _TINY) & (v <= _HUGE)) | ((v <= -_TINY) & (v >= -_HUGE))
        out[i] = v + 0.0
    return good


@kernel(none, reads(f64, 2), writes(f64), writes(f64), writes(u8))
def survey(x: Floats, low: Floats, high: Floats, many: Any) -> None:
    """Kernel: each column's two values into low and high, NaN if there is but one; many = 1 if there are more."""
    for f in range(x.shape[1]):
        low[f], high[f], many[f] = (x[0, f] if len(x) else 0.0), np.nan, 0
    for i in range(1, len(x)):
        for f in range(x.shape[1]):
            v = x[i, f]
            if v != low[f] and v != high[f] and not many[f]:
                if np.isnan(high[f]):
                    low[f], high[f] = min(v, low[f]), max(v, low[f])
                else:
                    many[f] = 1


@kernel(none, reads(f64, 2), reads(i32), reads(f64), writes(u64, 2))
def set_bits(x: Floats, where: Ints, low: Floats, bits: Words) -> None:
    """Kernel: fill bits[:n], 0 before, from rows x (n, features): whether a value is not its column's low one."""
    for i in range(len(x)):
        for f in range(len(where)):
            if where[f] < 0:
                b = -1 - where[f]
                bits[i, b >> 6] |= np.uint64(x[i, f] != low[f]) << np.uint64(b & 63)


@kernel(
    i64,
    reads(f64, 2),
    reads(i32),
    reads(f64),
    writes(f64),
    writes(f64),
    writes(i32),
    writes(i32),
    writes(i64, 2),
    reads(i64),
    writes(u64, 2),
    writes(i32, 2),
)
def code_rows(
    x: Floats,
    where: Ints,
    low: Floats,
    high: Floats,
    values: Floats,
    order: Ints,
    ranks: Ints,
    places: Longs,
    rooms: Longs,
    bits: Words,
    ids: Ints,
) -> Any:
    """Kernel: code rows x (n, features) into bits (n, words), 0 before, and ids (n, numeric columns).

    Dictionaries grow.  Returns FITS; or NEW_SHAPE if a value is none of the two values of its column of bits; or the
    numeric column whose dictionary is full.
    """
    for i in range(len(x)):
        for f in range(len(where)):
            column = where[f]
            if column < 0:
                if x[i, f] != low[f]:
                    if np.isnan(high[f]) and x[i, f] > low[f]:
                        high[f] = x[i, f]
                    if x[i, f] != high[f]:
                        return NEW_SHAPE
                    b = -1 - column
                    bits[i, b >> 6] |= _ONE << np.uint64(b & 63)
                continue
            start, size = places[column, 0], places[column, 1]
            first, length = start, size
            while length > 0:
                half = length // 2
                if values[start + order[first + half]] < x[i, f]:
                    first += half + 1
                    length -= half + 1
                else:
                    length = half
            if first < start + size and values[start + order[first]] == x[i, f]:
                ids[i, column] = order[first]
                continue
            if size == rooms[column]:
                return column
            for j in range(start + size, first, -1):
                order[j] = order[j - 1]
            order[first] = size
            for j in range(start, start + size):
                ranks[j] += ranks[j] >= first - start
            ranks[start + size] = first - start
            values[start + size] = x[i, f]
            places[column, 1] = size + 1
            ids[i, column] = size
    return FITS


@kernel(i64, u64, i64)
def home(key: Any, size: Any) -> Any:
    """Kernel: the place in an index of this size where the search for a key begins."""
    x = (key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(x >> _SHIFT) & (size - 1)


@kernel(i64, reads(u64), reads(u64), reads(i32), writes(u8), writes(i32))
def mark(wanted: Words, keys: Words, index: Ints, gone: Any, slots: Ints) -> Any:
    """Kernel: mark one row for each wanted key as gone, its slot into slots; returns how many until one was missing."""
    size = len(index)
    for i in range(len(wanted)):
        h = home(wanted[i], size)
        while index[h] != 0 and (keys[index[h] - 1] != wanted[i] or gone[index[h] - 1]):
            h = (h + 1) & (size - 1)
        if index[h] == 0:
            return i
        slots[i] = index[h] - 1
        gone[slots[i]] = 1
    return len(wanted)


@kernel(flag, i64, i64, reads(i32), reads(u64, 2), reads(i32, 2))
def same_row(a: Any, b: Any, labels: Ints, bits: Words, ids: Ints) -> Any:
    """Kernel: whether the rows in slots a and b have the same label and content."""
    same = labels[a] == labels[b]
    for w in range(bits.shape[1]):
        same &= bits[a, w] == bits[b, w]
    for c in range(len(ids)):
        same &= ids[c, a] == ids[c, b]
    return same


@kernel(i64, reads(i32), reads(u64), writes(i32), reads(u8), reads(i32), reads(u64, 2), reads(i32, 2))
def enter(slots: Ints, keys: Words, index: Ints, gone: Any, labels: Ints, bits: Words, ids: Ints) -> Any:
    """Kernel: enter rows into the index; returns how many until one had the key of a row with another content."""
    size = len(index)
    for i in range(len(slots)):
        slot = slots[i]
        h = home(keys[slot], size)
        while index[h] != 0:
            other = index[h] - 1
            if keys[other] == keys[slot] and not gone[other] and not same_row(slot, other, labels, bits, ids):
                return i
            h = (h + 1) & (size - 1)
        index[h] = slot + 1
    return len(slots)


@kernel(none, reads(i32), reads(u64), writes(i32))
def leave(slots: Ints, keys: Words, index: Ints) -> None:
    """Kernel: take rows out of the index and close the gaps.

    Knuth, The Art of Computer Programming 3, section 6.4, algorithm R.
    """
    size = len(index)
    for i in range(len(slots)):
        hole = home(keys[slots[i]], size)
        while index[hole] != slots[i] + 1:
            hole = (hole + 1) & (size - 1)
        h = hole
        while True:
            index[hole] = 0
            h = (h + 1) & (size - 1)
            while index[h] != 0 and ((h - home(keys[index[h] - 1], size)) & (size - 1)) < ((h - hole) & (size - 1)):
                h = (h + 1) & (size - 1)
            if index[h] == 0:
                break
            index[hole] = index[h]
            hole = h
