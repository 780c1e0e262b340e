"""A numeric column's sketch: the values with the smallest hashes, each with the rows by class that are not above it."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.cache import set_pair
from unlearn_models.forest.kernels.hashing import mix
from unlearn_models.forest.kernels.signatures import (
    IDS,
    IMAGE,
    NUMBERS,
    ORDER,
    PLACES,
    RANKS,
    RAW,
    ROWS,
    TALLY,
    WORDS,
    ZERO,
    Ints,
    Longs,
    Words,
)

COARSE = 1024
"""The most entries of the table that finds, for a range of ranks, the first chosen value in it or above."""


@lean_kernel(i64, WORDS, i64, i64, u64)
def insert_small(words: Words, length: Any, most: Any, h: Any) -> Any:
    """Insert h into the `most` smallest hashes, sorted; returns its place, -1 if it was there, -2 if too large."""
    if length == most and h > words[length - 1]:
        return -2
    e = length
    while e > 0 and words[e - 1] > h:
        e -= 1
    if e > 0 and words[e - 1] == h:
        return -1
    last = length if length < most else length - 1
    for j in range(last, e, -1):
        words[j] = words[j - 1]
    words[e] = h
    return e


@lean_kernel(i64, NUMBERS, ROWS, i64, i64, i64, u64, IDS, ROWS, RAW, ORDER, PLACES, IMAGE, i64, WORDS, TALLY)
def sketch_dense(
    numbers: Longs,
    rows: Ints,
    low: Any,
    high: Any,
    column: Any,
    salt: Any,
    ids: Ints,
    spare: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    image: Ints,
    sketch: Any,
    words: Words,
    tally: Longs,
) -> Any:
    """Make a sketch by counting every value of the dictionary, then keeping those with the smallest hashes.

    Returns its length, or -1 - length if it does not hold all values that occur.
    """
    start, size, classes, most = places[column, 0], places[column, 1], numbers[at.N_CLASSES], numbers[at.N_SKETCH]
    n, half = high - low, size * classes
    if n >= 4 * size:  # two tables in turn: rows of one value need not wait for each other
        tally[: 2 * half] = 0
        for i in range(0, n - 1, 2):
            one, two = rows[np.uint64(low + i)], rows[np.uint64(low + i + 1)]
            tally[np.uint64(ids[column, one] * classes + spare[np.uint64(i)])] += 1
            tally[np.uint64(half + ids[column, two] * classes + spare[np.uint64(i + 1)])] += 1
        if n & 1:
            tally[np.uint64(ids[column, rows[high - 1]] * classes + spare[n - 1])] += 1
        for j in range(half):
            tally[np.uint64(j)] += tally[np.uint64(half + j)]
    else:
        tally[:half] = 0
        for i in range(n):
            tally[np.uint64(ids[column, rows[np.uint64(low + i)]] * classes + spare[np.uint64(i)])] += 1
    sums = size * classes
    there, many = sums + classes, np.int64(0)
    for j in range(size):
        identity = np.int64(order[np.uint64(start + j)])
        occurs = np.int64(0)
        for c in range(classes):
            occurs += tally[np.uint64(identity * classes + c)]
        tally[np.uint64(there + many)] = identity
        many += occurs > 0
    length, bound = many, ~ZERO
    if many > most:
        length = np.int64(0)
        for j in range(many):
            h = mix(raw[start + tally[there + j]] ^ salt)
            e = insert_small(words, length, most, h)
            length += e >= 0 and length < most
        bound = words[most - 1]
    room = most if many > most else min(most, length + 2)
    image[sketch + at.SKETCH_ROOM] = room
    set_pair(image, sketch + at.SKETCH_BOUND, bound)
    first = sketch + at.SKETCH_HEADER
    tally[sums : sums + classes] = 0
    e, left = 0, np.int64(0)
    for j in range(many):
        identity = tally[np.uint64(there + j)]
        occurs = np.int64(0)
        for c in range(classes):
            some = tally[np.uint64(identity * classes + c)]
            occurs += some
            tally[np.uint64(sums + c)] += some
        left += occurs
        if many <= most or mix(raw[start + identity] ^ salt) <= bound:
            image[first + e] = identity
            image[first + room + e] = occurs
            image[first + 2 * room + e] = left
            for c in range(1, classes):
                image[first + (2 + c) * room + e] = tally[sums + c]
            e += 1
    return -1 - length if many > most else length


@lean_kernel(i64, NUMBERS, ROWS, i64, i64, i64, u64, IDS, ROWS, RAW, RANKS, PLACES, IMAGE, i64, WORDS, TALLY)
def sketch_sparse(
    numbers: Longs,
    rows: Ints,
    low: Any,
    high: Any,
    column: Any,
    salt: Any,
    ids: Ints,
    spare: Ints,
    raw: Words,
    ranks: Ints,
    places: Longs,
    image: Ints,
    sketch: Any,
    words: Words,
    tally: Longs,
) -> Any:
    """Make a sketch by picking the values with the smallest hashes, then counting up to each.

    For few rows of a large dictionary.  Returns its length, or -1 - length if it does not hold all values that occur.
    """
    start, size, classes, most = places[column, 0], places[column, 1], numbers[at.N_CLASSES], numbers[at.N_SKETCH]
    n, first = high - low, sketch + at.SKETCH_HEADER
    knots = (most + 1) * classes
    coarse = knots + most + 1
    seen = np.uint64(coarse + COARSE)
    pool = seen + np.uint64(n)
    # Only hashes below a limit that twice as many values as needed should pass are looked at closely.
    limit = ~ZERO
    if n > 3 * most:
        limit = limit // np.uint64(n) * np.uint64(2 * most)
    while True:
        many = np.uint64(0)
        for i in range(n):
            identity = ids[column, rows[np.uint64(low + i)]]
            tally[seen + np.uint64(i)] = identity
            tally[pool + many] = identity
            many += np.uint64(mix(raw[np.uint64(start + identity)] ^ salt) <= limit)
        length, full, bound = 0, many < np.uint64(n), ~ZERO
        for i in range(np.int64(many)):
            identity = tally[pool + np.uint64(i)]
            h = mix(raw[np.uint64(start + identity)] ^ salt)
            was_full = length == most
            if was_full and h >= bound:
                full |= h > bound
                continue
            e = insert_small(words, length, most, h)
            if e >= 0:
                full |= was_full
                length += not was_full
                bound = words[length - 1]
                for j in range(length - 1, e, -1):
                    image[first + j] = image[first + j - 1]
                image[first + e] = identity
        if length == most or limit == ~ZERO:
            break
        limit = ~ZERO if limit >> np.uint64(62) else limit << np.uint64(2)
    for i in range(length):
        identity = np.int64(image[first + i])
        rank = np.int64(ranks[start + identity])
        j = i
        while j > 0 and tally[knots + j - 1] > rank:
            image[first + j] = image[first + j - 1]
            tally[knots + j] = tally[knots + j - 1]
            j -= 1
        image[first + j] = identity
        tally[knots + j] = rank
    tally[knots + length] = size
    bound = words[most - 1] if length == most else ~ZERO
    room = most if full else min(most, length + 2)
    image[sketch + at.SKETCH_ROOM] = room
    set_pair(image, sketch + at.SKETCH_BOUND, bound)
    shift = 0
    while (size - 1) >> shift >= min(COARSE, n // 2 + 1):
        shift += 1
    e = 0
    for j in range(((size - 1) >> shift) + 1):
        while tally[knots + e] < j << shift:
            e += 1
        tally[coarse + j] = e
    image[first + room : first + 2 * room] = 0
    tally[:knots] = 0
    for i in range(n):
        rank = np.int64(ranks[np.uint64(start + tally[seen + np.uint64(i)])])
        e = tally[np.uint64(coarse + (rank >> shift))]
        while tally[np.uint64(knots + e)] < rank:
            e += 1
        tally[np.uint64(e * classes + spare[np.uint64(i)])] += 1
        image[np.uint64(first + room + e)] += tally[np.uint64(knots + e)] == rank
    for e in range(length):
        left = 0
        for c in range(classes):
            if e > 0:
                tally[e * classes + c] += tally[(e - 1) * classes + c]
            left += tally[e * classes + c]
        image[first + 2 * room + e] = left
        for c in range(1, classes):
            image[first + (2 + c) * room + e] = tally[e * classes + c]
    return -1 - length if full else length
