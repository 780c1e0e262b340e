"""A node's cache kept up to date row by row, as long as it still holds what a scan of all rows would give."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import flag, i64, lean_kernel, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.cache import activate, pair
from unlearn_models.forest.kernels.hashing import mix, value_salt
from unlearn_models.forest.kernels.signatures import (
    BITS,
    IDS,
    IMAGE,
    LABELS,
    NUMBERS,
    ONE,
    PLACES,
    RANKS,
    RAW,
    ROWS,
    W63,
    WHERE,
    WORDS,
    ZERO,
    Ints,
    Longs,
    Words,
)


@lean_kernel(i64, IMAGE, i64, i64, i64, RANKS, i64)
def find_value(image: Ints, first: Any, length: Any, rank: Any, ranks: Ints, start: Any) -> Any:
    """How many of the `length` entries from `first`, sorted by value, have a value below that of this rank."""
    if length == 0:
        return 0
    low = 0
    while length > 1:
        half = length >> 1
        low += half * (ranks[start + image[np.uint64(first + low + half - 1)]] < rank)
        length -= half
    return low + (ranks[start + image[np.uint64(first + low)]] < rank)


@lean_kernel(flag, NUMBERS, u64, IMAGE, i64, ROWS, i64, i64, i64, BITS, IDS, LABELS, RANKS, RAW, PLACES, WHERE)
def adjust(
    numbers: Longs,
    key: Any,
    image: Ints,
    start: Any,
    rows: Ints,
    low: Any,
    high: Any,
    sign: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    places: Longs,
    where: Ints,
) -> Any:
    """Count rows[low:high] into a cache (sign 1) or out of it (-1); false if only a new scan can make it right."""
    classes, width = numbers[at.N_CLASSES], numbers[at.N_WORDS]
    binary, sketches = image[start + at.IMAGE_BITS], image[start + at.IMAGE_SKETCHES]
    constants = start + at.IMAGE_HEADER + 4 * width
    names = constants + 2 * image[start + at.IMAGE_CONSTANT]
    for i in range(low, high):
        row = rows[i]
        label = labels[row]
        if sign > 0:
            for w in range(width):
                mask = start + at.IMAGE_HEADER + 2 * w
                if (bits[row, w] ^ pair(image, mask + 2 * width)) & pair(image, mask) != ZERO:
                    return False
            for j in range(constants, names, 2):
                if ids[image[j], row] != image[j + 1]:
                    return False
        for j in range(binary):
            b = np.uint64(-1 - where[image[np.uint64(names + j)]])
            below = (1 - np.int64((bits[row, b >> np.uint64(6)] >> (b & W63)) & ONE)) * sign
            image[np.uint64(names + binary + j)] += below
            if label:
                image[np.uint64(names + (1 + label) * binary + j)] += below
        sketch = names + (1 + classes) * binary
        for _ in range(sketches):
            column, room = image[sketch + at.SKETCH_COLUMN], np.int64(image[sketch + at.SKETCH_ROOM])
            length, first = np.int64(image[sketch + at.SKETCH_LENGTH]), sketch + at.SKETCH_HEADER
            origin, identity = places[column, 0], ids[column, row]
            e = find_value(image, first, length, ranks[origin + identity], ranks, origin)
            hit = e < length and image[first + e] == identity
            if not hit and sign > 0:
                if image[sketch + at.SKETCH_FLAGS] & at.COMPLETE:
                    if length == room:
                        return False
                    for block in range(2 + classes):
                        at_e = first + block * room + e
                        for j in range(length - e, 0, -1):
                            image[at_e + j] = image[at_e + j - 1]
                        image[at_e] = image[at_e - 1] if block > 1 and e > 0 else 0
                    image[first + e] = identity
                    length += 1
                    image[sketch + at.SKETCH_LENGTH] = length
                    image[sketch + at.SKETCH_FLAGS] |= at.STALE
                    hit = True
                else:
                    salt = value_salt(key, image[sketch + at.SKETCH_FEATURE])
                    if mix(raw[origin + identity] ^ salt) <= pair(image, sketch + at.SKETCH_BOUND):
                        return False
            line = np.uint64(first + 2 * room + e)
            for j in range(length - e):
                image[line + np.uint64(j)] += sign
            if label:
                line = np.uint64(first + (2 + label) * room + e)
                for j in range(length - e):
                    image[line + np.uint64(j)] += sign
            if hit:
                image[first + room + e] += sign
                if image[first + room + e] == 0:
                    length -= 1
                    for block in range(2 + classes):
                        at_e = first + block * room
                        for j in range(e, length):
                            image[at_e + j] = image[at_e + j + 1]
                    image[sketch + at.SKETCH_LENGTH] = length
                    image[sketch + at.SKETCH_FLAGS] |= at.STALE
            sketch += at.SKETCH_HEADER + room * (2 + classes)
    return True


@lean_kernel(flag, NUMBERS, u64, IMAGE, i64, i64, RAW, PLACES, WORDS)
def settle(numbers: Longs, key: Any, image: Ints, start: Any, n: Any, raw: Words, places: Longs, words: Words) -> Any:
    """After all calls of `adjust`: mark the candidates anew where they changed; false if a new scan is needed."""
    classes, width = numbers[at.N_CLASSES], numbers[at.N_WORDS]
    binary, sketches = image[start + at.IMAGE_BITS], image[start + at.IMAGE_SKETCHES]
    names = start + at.IMAGE_HEADER + 4 * width + 2 * image[start + at.IMAGE_CONSTANT]
    for j in range(binary):
        if image[names + binary + j] == 0 or image[names + binary + j] == n:
            return False
    sketch = names + (1 + classes) * binary
    for _ in range(sketches):
        length, room = image[sketch + at.SKETCH_LENGTH], image[sketch + at.SKETCH_ROOM]
        flags = image[sketch + at.SKETCH_FLAGS]
        if length < (2 if flags & at.COMPLETE else numbers[at.N_THRESHOLDS] + 1):
            return False
        topped = image[sketch + at.SKETCH_HEADER + 2 * room + length - 1] == n
        if flags & at.STALE or topped != (flags & at.TOPPED != 0):
            salt = value_salt(key, image[sketch + at.SKETCH_FEATURE])
            image[start + at.IMAGE_BEST] = 0
            activate(numbers, image, sketch, n, salt, raw, places[image[sketch + at.SKETCH_COLUMN], 0], words)
        sketch += at.SKETCH_HEADER + room * (2 + classes)
    return True
