"""The best candidate split; where floats come near each other, whole numbers decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import f64, flag, i64, lean_kernel, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.cache import pair
from unlearn_models.forest.kernels.hashing import feature_rank, mix, value_salt
from unlearn_models.forest.kernels.nodes import total
from unlearn_models.forest.kernels.signatures import (
    HALF,
    HEAP,
    IMAGE,
    NUMBERS,
    ONE,
    PLACES,
    RANKS,
    RAW,
    S32,
    SCORES,
    ZERO,
    Floats,
    Ints,
    Longs,
    Words,
)

NEAR = 1.0 - 1e-12


@lean_kernel(f64, HEAP, i64, i64, i64, i64, IMAGE, i64, i64)
def score(heap: Ints, node: Any, classes: Any, n: Any, least: Any, image: Ints, entry: Any, stride: Any) -> Any:
    """A split's quality as a float, larger for a lower Gini impurity; -1 where a side has fewer than `least` rows.

    entry: where the count of rows on the left is in the image; counts by class follow at steps of `stride`.
    """
    left = np.int64(image[np.uint64(entry)])
    right = n - left
    if left < least or right < least:
        return -1.0
    if classes == 2:
        d = float(image[np.uint64(entry + stride)]) * float(n) - float(heap[node + at.COUNTS + 1]) * float(left)
        return d * d / (float(left) * float(right))
    a, b, first = 0.0, 0.0, left
    for c in range(1, classes):
        x = image[entry + c * stride]
        first -= x
        a += float(x) * float(x)
        y = heap[node + at.COUNTS + c] - x
        b += float(y) * float(y)
    y = heap[node + at.COUNTS] - first
    return (a + float(first) * float(first)) / float(left) + (b + float(y) * float(y)) / float(right)


@lean_kernel(i64, HEAP, i64, i64, i64, IMAGE, i64, i64)
def gain(heap: Ints, node: Any, classes: Any, n: Any, image: Ints, entry: Any, stride: Any) -> Any:
    """The exact criterion times left * right: sum(cL^2) * right + sum(cR^2) * left, below n^3 / 2 <= 2^62."""
    left = np.int64(image[entry])
    a, b, first = np.int64(0), np.int64(0), left
    for c in range(1, classes):
        x = np.int64(image[entry + c * stride])
        first -= x
        a += x * x
        y = heap[node + at.COUNTS + c] - x
        b += y * y
    y = heap[node + at.COUNTS] - first
    return (a + first * first) * (n - left) + (b + y * y) * left


@lean_kernel(i64, i64, i64, i64, i64)
def compare(a: Any, b: Any, c: Any, d: Any) -> Any:
    """The sign of a * b - c * d, for numbers in 0..2**63-1, in 128 bits."""
    ua, ub, uc, ud = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d)
    cross = (ua & HALF) * (ub >> S32) + (((ua & HALF) * (ub & HALF)) >> S32)
    high = (ua >> S32) * (ub >> S32) + (cross >> S32)
    high += ((cross & HALF) + (ua >> S32) * (ub & HALF)) >> S32
    cross = (uc & HALF) * (ud >> S32) + (((uc & HALF) * (ud & HALF)) >> S32)
    other = (uc >> S32) * (ud >> S32) + (cross >> S32)
    other += ((cross & HALF) + (uc >> S32) * (ud & HALF)) >> S32
    low, low_other = ua * ub, uc * ud
    if high != other:
        return 1 if high > other else -1
    if low != low_other:
        return 1 if low > low_other else -1
    return 0


@lean_kernel(i64, HEAP, NUMBERS, i64, i64, u64, IMAGE, i64, RANKS, RAW, PLACES, SCORES)
def choose(
    heap: Ints,
    numbers: Longs,
    node: Any,
    depth: Any,
    key: Any,
    image: Ints,
    start: Any,
    ranks: Ints,
    raw: Words,
    places: Longs,
    scores: Floats,
) -> Any:
    """The best split, feature << 32 | place of the threshold in its dictionary; -1 if there is none.

    Floats only rule out what is far from the best; whole numbers compare the rest, ties go to the lower feature and
    value. In random layers the smallest hashes of feature and value decide.  Sets IMAGE_BEST and IMAGE_STRIDE.
    """
    classes, least, width = numbers[at.N_CLASSES], numbers[at.N_LEAF], numbers[at.N_WORDS]
    n = total(heap, node, classes)
    chance = depth < numbers[at.N_RANDOM]
    binary, sketches = image[start + at.IMAGE_BITS], image[start + at.IMAGE_SKETCHES]
    names = start + at.IMAGE_HEADER + 4 * width + 2 * image[start + at.IMAGE_CONSTANT]
    best, t = -1.0, 0
    for j in range(binary):
        scores[t] = score(heap, node, classes, n, least, image, names + binary + j, binary)
        best = max(best, scores[t])
        t += 1
    sketch = names + (1 + classes) * binary
    for _ in range(sketches):
        active = pair(image, sketch + at.SKETCH_ACTIVE)
        room = image[sketch + at.SKETCH_ROOM]
        first = sketch + at.SKETCH_HEADER + 2 * room
        for e in range(image[sketch + at.SKETCH_LENGTH]):
            scores[t] = -1.0
            if (active >> np.uint64(e)) & ONE != ZERO:
                scores[t] = score(heap, node, classes, n, least, image, first + e, room)
                best = max(best, scores[t])
            t += 1
        sketch += at.SKETCH_HEADER + room * (2 + classes)
    if best < 0.0:
        return -1
    near = 0.0 if chance else best * NEAR
    found, t, entry, stride = np.int64(-1), 0, np.int64(0), np.int64(0)
    found_gain, found_sides, found_rank, found_hash = np.int64(0), np.int64(1), np.int64(0), ZERO
    for j in range(binary):
        if scores[t] >= near:
            feature = np.int64(image[names + j])
            if chance:
                rank = feature_rank(key, feature)
                if found < 0 or rank < found_rank:
                    found, found_rank, entry, stride = feature << 32, rank, names + binary + j, np.int64(binary)
            else:
                left = np.int64(image[names + binary + j])
                sides = left * (n - left)
                this = gain(heap, node, classes, n, image, names + binary + j, binary)
                sign = 1 if found < 0 else compare(this, found_sides, found_gain, sides)
                if sign > 0 or (sign == 0 and feature < (found >> 32)):
                    found, found_gain, found_sides = feature << 32, this, sides
                    entry, stride = names + binary + j, np.int64(binary)
        t += 1
    sketch = names + (1 + classes) * binary
    for _ in range(sketches):
        feature = np.int64(image[sketch + at.SKETCH_FEATURE])
        room = image[sketch + at.SKETCH_ROOM]
        first = sketch + at.SKETCH_HEADER + 2 * room
        for e in range(image[sketch + at.SKETCH_LENGTH]):
            if scores[t] >= near:
                identity = np.int64(image[first - 2 * room + e])
                if chance:
                    rank = feature_rank(key, feature)
                    h = mix(raw[places[image[sketch + at.SKETCH_COLUMN], 0] + identity] ^ value_salt(key, feature))
                    if found < 0 or rank < found_rank or (rank == found_rank and h < found_hash):
                        found, found_rank, found_hash = feature << 32 | identity, rank, h
                        entry, stride = first + e, np.int64(room)
                else:
                    left = np.int64(image[first + e])
                    sides = left * (n - left)
                    this = gain(heap, node, classes, n, image, first + e, room)
                    sign = 1 if found < 0 else compare(this, found_sides, found_gain, sides)
                    # Entries are sorted by value: of two of the same feature the first one wins a tie.
                    if sign > 0 or (sign == 0 and feature < (found >> 32)):
                        found, found_gain, found_sides = feature << 32 | identity, this, sides
                        entry, stride = first + e, np.int64(room)
            t += 1
        sketch += at.SKETCH_HEADER + room * (2 + classes)
    image[start + at.IMAGE_BEST], image[start + at.IMAGE_STRIDE] = entry - start, stride
    return found


@lean_kernel(flag, HEAP, NUMBERS, i64, i64, i64, IMAGE, i64)
def holds(heap: Ints, numbers: Longs, node: Any, depth: Any, n: Any, image: Ints, start: Any) -> Any:
    """Whether the cache's best candidate is surely still the best: of two classes, and no other score is near it."""
    classes, least = numbers[at.N_CLASSES], numbers[at.N_LEAF]
    if classes != 2 or depth < numbers[at.N_RANDOM] or image[start + at.IMAGE_BEST] == 0:
        return False
    entry = start + image[start + at.IMAGE_BEST]
    left = np.int64(image[entry])
    if left < least or n - left < least:
        return False
    all_rows, ones = float(n), float(heap[node + at.COUNTS + 1])
    d = float(image[entry + image[start + at.IMAGE_STRIDE]]) * all_rows - ones * float(left)
    bar = d * d / (float(left) * float(n - left)) * NEAR
    near = np.int64(0)
    binary = np.int64(image[start + at.IMAGE_BITS])
    names = start + at.IMAGE_HEADER + 4 * numbers[at.N_WORDS] + 2 * image[start + at.IMAGE_CONSTANT]
    lefts, rights = np.uint64(names + binary), np.uint64(names + 2 * binary)
    for j in range(binary):
        x = np.int64(image[lefts + np.uint64(j)])
        d = float(image[rights + np.uint64(j)]) * all_rows - ones * float(x)
        near += (d * d >= bar * (float(x) * float(n - x))) & (x >= least) & (n - x >= least)
    sketch = names + 3 * binary
    for _ in range(image[start + at.IMAGE_SKETCHES]):
        active, room = pair(image, sketch + at.SKETCH_ACTIVE), np.int64(image[sketch + at.SKETCH_ROOM])
        lefts = np.uint64(sketch + at.SKETCH_HEADER + 2 * room)
        rights = np.uint64(sketch + at.SKETCH_HEADER + 3 * room)
        for e in range(image[sketch + at.SKETCH_LENGTH]):
            x = np.int64(image[lefts + np.uint64(e)])
            d = float(image[rights + np.uint64(e)]) * all_rows - ones * float(x)
            close = (d * d >= bar * (float(x) * float(n - x))) & (x >= least) & (n - x >= least)
            near += close & ((active >> np.uint64(e)) & ONE != ZERO)
        sketch += at.SKETCH_HEADER + 4 * room
    return near == 1
