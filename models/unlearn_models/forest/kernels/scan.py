"""Makes a node's cache from its rows: the features chosen, and the counts of all their candidates."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import flag, i64, lean_kernel, none, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.cache import activate, pair, set_pair
from unlearn_models.forest.kernels.hashing import feature_rank, value_salt
from unlearn_models.forest.kernels.signatures import (
    BITS,
    COLUMNS,
    GATHERED,
    HALF,
    HEAP,
    IDS,
    IMAGE,
    NUMBERS,
    ONE,
    ROOM,
    ROWS,
    S32,
    TALLY,
    W63,
    WHERE,
    WORDS,
    ZERO,
    Columns,
    Ints,
    Longs,
    Room,
    Words,
)
from unlearn_models.forest.kernels.sketch import sketch_dense, sketch_sparse


@lean_kernel(i64, NUMBERS, u64, ROWS, i64, i64, BITS, IDS, WHERE, IMAGE, WORDS, TALLY)
def select(
    numbers: Longs,
    key: Any,
    rows: Ints,
    low: Any,
    high: Any,
    bits: Words,
    ids: Ints,
    where: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
) -> Any:
    """Choose the node's features: the lowest ranks among those that vary, into tally[1:]; returns how many.

    words gets the rows' bits from GATHERED on, the first word of all rows, then the second and so on; behind them,
    which bits vary.
    """
    n, features, width, wanted = high - low, len(where), numbers[at.N_WORDS], numbers[at.N_FEATURES]
    constants = np.uint64(GATHERED + width * n)
    for w in range(0, width - 1, 2):  # two at a time: a row's words lie side by side
        one = np.uint64(GATHERED + w * n)
        two = one + np.uint64(n)
        reference, other = bits[rows[low], w], bits[rows[low], w + 1]
        varies, too = ZERO, ZERO
        for i in range(n):
            row = rows[np.uint64(low + i)]
            a, b = bits[row, w], bits[row, w + 1]
            words[one + np.uint64(i)], words[two + np.uint64(i)] = a, b
            varies |= a ^ reference
            too |= b ^ other
        words[constants + np.uint64(w)], words[constants + np.uint64(w + 1)] = varies, too
    if width & 1:
        one, varies = np.uint64(GATHERED + (width - 1) * n), ZERO
        for i in range(n):
            words[one + np.uint64(i)] = bits[rows[np.uint64(low + i)], width - 1]
        for i in range(n):
            varies |= words[one + np.uint64(i)] ^ words[one]
        words[constants + np.uint64(width - 1)] = varies
    count = 0
    for f in range(features):
        column = where[f]
        if column < 0:
            b = np.uint64(-1 - column)
            if (words[constants + (b >> np.uint64(6))] >> (b & W63)) & ONE == ZERO:
                continue
        rank = feature_rank(key, f)
        if count == wanted and rank > tally[np.uint64(count)]:
            continue
        if column >= 0:
            identity = ids[column, rows[low]]
            i = low + 1
            while i < high and ids[column, rows[np.uint64(i)]] == identity:
                i += 1
            if i == high:
                continue
        if count < wanted:
            count += 1
        j = count
        while j > 1 and tally[np.uint64(j - 1)] > rank:
            tally[np.uint64(j)] = tally[np.uint64(j - 1)]
            j -= 1
        tally[j] = rank
    return count


@lean_kernel(none, NUMBERS, u64, ROWS, i64, i64, IDS, WHERE, IMAGE, WORDS, TALLY, i64)
def note_constants(
    numbers: Longs,
    key: Any,
    rows: Ints,
    low: Any,
    high: Any,
    ids: Ints,
    where: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    count: Any,
) -> None:
    """List in the image the constant columns that would be chosen if they varied: their ranks are low enough."""
    n, width = high - low, numbers[at.N_WORDS]
    last = tally[count] if count == numbers[at.N_FEATURES] else np.int64(1) << 32
    for w in range(width):
        set_pair(image, at.IMAGE_HEADER + 2 * w, ZERO)
        set_pair(image, at.IMAGE_HEADER + 2 * (width + w), words[GATHERED + w * n])
    end = at.IMAGE_HEADER + 4 * width
    constant = 0
    for f in range(len(where)):
        rank = feature_rank(key, f)
        if rank >= last:
            continue
        column = where[f]
        if column < 0:
            b = -1 - column
            w = b >> 6
            if (words[GATHERED + width * n + w] >> np.uint64(b & 63)) & ONE == ZERO:
                mask = at.IMAGE_HEADER + 2 * w
                set_pair(image, mask, pair(image, mask) | (ONE << np.uint64(b & 63)))
        else:
            chosen = False
            for j in range(1, count + 1):
                chosen |= tally[j] == rank
            if not chosen:
                image[end] = column
                image[end + 1] = ids[column, rows[low]]
                end += 2
                constant += 1
    image[at.IMAGE_CONSTANT] = constant


@lean_kernel(none, HEAP, NUMBERS, i64, u64, i64, i64, COLUMNS, ROOM, flag)
def scan(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    low: Any,
    high: Any,
    columns: Columns,
    room: Room,
    kept: Any,
) -> None:
    """Count all candidates of the node with rows[low:high] into the image; the node's class counts are set.

    kept: the image becomes a cache, so `note_constants` is needed too.
    """
    bits, ids, labels, ranks, raw, order, places, where = columns
    rows, spare, image, words, tally, _, _, _ = room
    count = select(numbers, key, rows, low, high, bits, ids, where, image, words, tally)
    n, classes, wanted, width = high - low, numbers[at.N_CLASSES], numbers[at.N_FEATURES], numbers[at.N_WORDS]
    if kept:
        note_constants(numbers, key, rows, low, high, ids, where, image, words, tally, count)
    else:
        image[at.IMAGE_CONSTANT] = 0
    start = at.IMAGE_HEADER + 4 * width + 2 * image[at.IMAGE_CONSTANT]
    binary = 0
    numeric = wanted  # the numeric ones, put at the end of the list
    chosen = len(tally) - 2 * wanted - 2
    for j in range(1, count + 1):
        feature = tally[j] & 1023
        if where[feature] < 0:
            tally[chosen + binary] = feature
            image[start + binary] = feature
            binary += 1
        else:
            tally[chosen + numeric] = feature
            numeric += 1
    for i in range(n):
        spare[np.uint64(i)] = labels[rows[np.uint64(low + i)]]
    weights = np.uint64(GATHERED + width * (n + 1))
    for c in range(1, classes):
        for i in range(n):
            words[weights + np.uint64(i)] = ONE | (np.uint64(spare[np.uint64(i)] == c) << S32)
        for j in range(binary):
            b = -1 - where[image[start + j]]
            gathered, shift = np.uint64(GATHERED + (b >> 6) * n), np.uint64(b & 63)
            ones = ZERO
            for i in range(n):
                bit = (words[gathered + np.uint64(i)] >> shift) & ONE
                ones += (ZERO - bit) & words[weights + np.uint64(i)]
            image[start + binary + j] = n - np.int64(ones & HALF)
            image[start + (1 + c) * binary + j] = heap[node + at.COUNTS + c] - np.int64(ones >> S32)
    end = start + (1 + classes) * binary
    for j in range(wanted, numeric):
        feature = tally[chosen + j]
        column = where[feature]
        salt = value_salt(key, feature)
        if places[column, 1] <= max(n, min(2 * n, at.FEW)):
            length = sketch_dense(
                numbers, rows, low, high, column, salt, ids, spare, raw, order, places, image, end, words, tally
            )
        else:
            length = sketch_sparse(
                numbers, rows, low, high, column, salt, ids, spare, raw, ranks, places, image, end, words, tally
            )
        whole = length >= 0
        if not whole:
            length = -1 - length
        image[end + at.SKETCH_FEATURE] = feature
        image[end + at.SKETCH_COLUMN] = column
        image[end + at.SKETCH_LENGTH] = length
        image[end + at.SKETCH_FLAGS] = at.COMPLETE if whole else 0
        activate(numbers, image, end, n, salt, raw, places[column, 0], words)
        end += at.SKETCH_HEADER + image[end + at.SKETCH_ROOM] * (2 + classes)
    image[at.IMAGE_BITS] = binary
    image[at.IMAGE_SKETCHES] = numeric - wanted
    image[at.IMAGE_SIZE] = end
