# ruff: noqa: C901, PLR0912, PLR0915  one file, and calls with few arguments, are what numba asks for
"""The kernels that grow trees and keep them up to date.  They share one file, as numba's cache demands.

Arguments that come again and again: heap, numbers (see layout);  bits (slots, words) uint64, the columns with at
most two values;  ids (numeric columns, slots) int32, a value's place in its column's dictionary;  labels (slots,);
raw, the dictionaries one after the other, values as the bits of doubles;  order, each one's places by value, and
ranks, where each place stands in that order;
places (numeric columns, 2): where a dictionary starts, and its length;  where (features,): numeric column, or
-1 - bit;  rows: slots, permuted in place;  image: a cache in the making;  words, tally, scores: room to work in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from models.forest import layout as at
from models.kernel import f64, flag, i32, i64, none, reads, u8, writes

u64 = types.uint64
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])

_M1 = np.uint64(0xFF51AFD7ED558CCD)
_M2 = np.uint64(0xC4CEB9FE1A85EC53)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(0xFFFFFFFF)
_ZERO, _ONE, _S32, _S33, _W63 = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(33), np.uint64(63)
_NEAR = 1.0 - 1e-12
_LEAN: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
_COARSE = 1024  # steps of the table that leads a rank to the knots around it
_GATHERED = 64  # where the rows' bits begin in words; before them, a sketch's hashes
_BATCH = 5  # a node is rebuilt when more than one in so many of its rows change at once
_GROW, _PATH, _WALK, STACK_ROOM = 128, 256, 384, 512  # where each kernel's part of the stack begins

HEAP, NUMBERS, BITS, IDS, LABELS = writes(i32), writes(i64), reads(u64, 2), reads(i32, 2), reads(i32)
RANKS, RAW, ORDER, PLACES, WHERE = reads(i32), reads(u64), reads(i32), reads(i64, 2), reads(i32)
ROWS, IMAGE, WORDS, TALLY, SCORES = writes(i32), writes(i32), writes(u64), writes(i64), writes(f64)
STACK, KEYS = writes(i64, 2), writes(u64)


def kernel(returns: Any, *arguments: Any) -> Callable[[F], F]:
    """As `models.kernel.kernel`, without counting references to arrays, for none is made here: that counting cost a
    tenth of a deletion."""

    def compiled(function: F) -> F:
        done: F = numba.njit(returns(*arguments), cache=True, nogil=True, **_LEAN)(function)
        return done

    return compiled


@kernel(u64, u64)
def mix(x: Any) -> Any:
    """The finaliser of MurmurHash3, 64 bits: a bijection."""
    x = (x ^ (x >> _S33)) * _M1
    x = (x ^ (x >> _S33)) * _M2
    return x ^ (x >> _S33)


@kernel(u64, u64, i64)
def child_key(key: Any, side: Any) -> Any:
    return mix(key + np.uint64(side + 1) * _STEP)


@kernel(i64, u64, i64)
def feature_rank(key: Any, feature: Any) -> Any:
    """22 bits of hash over 10 bits of feature: distinct, and below 2**32."""
    x = (key ^ (np.uint64(feature + 1) * np.uint64(0x9E3779B1))) & _HALF
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & _HALF
    x = ((x ^ (x >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & _HALF
    return np.int64(((x ^ (x >> np.uint64(16))) & np.uint64(0xFFFFFC00)) | np.uint64(feature))


@kernel(u64, u64, i64)
def value_salt(key: Any, feature: Any) -> Any:
    return mix(key ^ (np.uint64(feature + 1) * _M2))


@kernel(i64, i64)
def size_class(size: Any) -> Any:
    """Steps of 8 to 64, then 8 steps an octave."""
    if size <= 64:
        return (size + 7) // 8
    octave = 0
    while (size - 1) >> (octave + 7):
        octave += 1
    step = 8 << octave
    return 8 + octave * 8 + (size - (64 << octave) + step - 1) // step


@kernel(i64, i64)
def class_size(kind: Any) -> Any:
    if kind <= 8:
        return kind * 8
    octave = (kind - 9) // 8
    return (64 << octave) + (kind - 8 - octave * 8) * (8 << octave)


@kernel(i64, HEAP, NUMBERS, i64)
def take(heap: Ints, numbers: Longs, size: Any) -> Any:
    """A piece of the heap with room for `size` ints."""
    kind = size_class(size)
    found = numbers[at.N_FREE + kind]
    if found:
        numbers[at.N_FREE + kind] = heap[found]
    else:
        found = numbers[at.N_TOP]
        numbers[at.N_TOP] = found + class_size(kind)
    return found


@kernel(none, HEAP, NUMBERS, i64, i64)
def give(heap: Ints, numbers: Longs, start: Any, size: Any) -> None:
    kind = size_class(size)
    heap[start] = numbers[at.N_FREE + kind]
    numbers[at.N_FREE + kind] = start


@kernel(i64, HEAP, i64, i64)
def total(heap: Ints, node: Any, classes: Any) -> Any:
    n = 0
    for c in range(classes):
        n += heap[node + at.COUNTS + c]
    return n


@kernel(flag, HEAP, NUMBERS, i64, i64)
def is_end(heap: Ints, numbers: Longs, node: Any, depth: Any) -> Any:
    """Whether the node is a leaf whatever its rows look like: deep, small or pure."""
    n, most = 0, 0
    for c in range(numbers[at.N_CLASSES]):
        count = heap[node + at.COUNTS + c]
        n += count
        most = max(most, count)
    return depth >= numbers[at.N_DEPTH] or n < 2 * numbers[at.N_LEAF] or most == n


@kernel(u64, IMAGE, i64)
def pair(image: Ints, start: Any) -> Any:
    return (np.uint64(image[start]) & _HALF) | (np.uint64(image[start + 1]) << _S32)


@kernel(none, IMAGE, i64, u64)
def set_pair(image: Ints, start: Any, word: Any) -> None:
    image[start] = np.int32(np.int64(word & _HALF))
    image[start + 1] = np.int32(np.int64(word >> _S32))


@kernel(none, NUMBERS, IMAGE, i64, i64, u64, RAW, i64, WORDS)
def activate(numbers: Longs, image: Ints, sketch: Any, n: Any, salt: Any, raw: Words, start: Any, words: Words) -> None:
    """Mark the candidates: the k smallest hashes of values that are not the node's largest."""
    length, room = image[sketch + at.SKETCH_LENGTH], image[sketch + at.SKETCH_ROOM]
    first = sketch + at.SKETCH_HEADER
    lefts = first + 2 * room
    active, count = _ZERO, 0
    for e in range(length):
        words[e] = mix(raw[start + image[first + e]] ^ salt)
        if image[lefts + e] < n:
            active |= _ONE << np.uint64(e)
            count += 1
    while count > numbers[at.N_THRESHOLDS]:
        worst = -1
        for e in range(length):
            if (active >> np.uint64(e)) & _ONE != _ZERO and (worst < 0 or words[e] > words[worst]):
                worst = e
        active ^= _ONE << np.uint64(worst)
        count -= 1
    set_pair(image, sketch + at.SKETCH_ACTIVE, active)
    flags = image[sketch + at.SKETCH_FLAGS] & at.COMPLETE
    if length > 0 and image[lefts + length - 1] == n:
        flags |= at.TOPPED
    image[sketch + at.SKETCH_FLAGS] = flags


@kernel(i64, IMAGE, i64, i64, i64, RANKS, i64)
def find_value(image: Ints, first: Any, length: Any, rank: Any, ranks: Ints, start: Any) -> Any:
    """How many of the entries, sorted by value, are below the value of this rank."""
    if length == 0:
        return 0
    low = 0
    while length > 1:
        half = length >> 1
        low += half * (ranks[start + image[np.uint64(first + low + half - 1)]] < rank)
        length -= half
    return low + (ranks[start + image[np.uint64(first + low)]] < rank)


@kernel(i64, WORDS, i64, i64, u64)
def insert_small(words: Words, length: Any, most: Any, h: Any) -> Any:
    """Put h among the sorted, at most `most` smallest; its place, or -1 if it was there, or -2 if it is too large."""
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


@kernel(i64, NUMBERS, ROWS, i64, i64, i64, u64, IDS, ROWS, RAW, ORDER, PLACES, IMAGE, i64, WORDS, TALLY)
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
    """Count every value of the dictionary; keep those with the smallest hashes.  The sketch's length, or -1 - it
    if it is not complete."""
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
    length, bound = many, ~_ZERO
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


@kernel(i64, NUMBERS, ROWS, i64, i64, i64, u64, IDS, ROWS, RAW, RANKS, PLACES, IMAGE, i64, WORDS, TALLY)
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
    """Pick the values with the smallest hashes, then count around them: for few rows of a large dictionary."""
    start, size, classes, most = places[column, 0], places[column, 1], numbers[at.N_CLASSES], numbers[at.N_SKETCH]
    n, first = high - low, sketch + at.SKETCH_HEADER
    knots = (most + 1) * classes
    coarse = knots + most + 1
    seen = np.uint64(coarse + _COARSE)
    pool = seen + np.uint64(n)
    # Only hashes below a limit that twice as many values as needed should pass are looked at closely.
    limit = ~_ZERO
    if n > 3 * most:
        limit = limit // np.uint64(n) * np.uint64(2 * most)
    while True:
        many = np.uint64(0)
        for i in range(n):
            identity = ids[column, rows[np.uint64(low + i)]]
            tally[seen + np.uint64(i)] = identity
            tally[pool + many] = identity
            many += np.uint64(mix(raw[np.uint64(start + identity)] ^ salt) <= limit)
        length, full, bound = 0, many < np.uint64(n), ~_ZERO
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
        if length == most or limit == ~_ZERO:
            break
        limit = ~_ZERO if limit >> np.uint64(62) else limit << np.uint64(2)
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
    bound = words[most - 1] if length == most else ~_ZERO
    room = most if full else min(most, length + 2)
    image[sketch + at.SKETCH_ROOM] = room
    set_pair(image, sketch + at.SKETCH_BOUND, bound)
    shift = 0
    while (size - 1) >> shift >= min(_COARSE, n // 2 + 1):
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


@kernel(i64, NUMBERS, u64, ROWS, i64, i64, BITS, IDS, WHERE, IMAGE, WORDS, TALLY)
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
    """Choose the node's features, those that vary with the smallest ranks, into tally[1:]; their number.

    words gets the rows' bits at _GATHERED, one word of all rows after the other, then which bits vary.
    """
    n, features, width, wanted = high - low, len(where), numbers[at.N_WORDS], numbers[at.N_FEATURES]
    constants = np.uint64(_GATHERED + width * n)
    for w in range(0, width - 1, 2):  # two at a time: a row's words lie side by side
        one = np.uint64(_GATHERED + w * n)
        two = one + np.uint64(n)
        reference, other = bits[rows[low], w], bits[rows[low], w + 1]
        varies, too = _ZERO, _ZERO
        for i in range(n):
            row = rows[np.uint64(low + i)]
            a, b = bits[row, w], bits[row, w + 1]
            words[one + np.uint64(i)], words[two + np.uint64(i)] = a, b
            varies |= a ^ reference
            too |= b ^ other
        words[constants + np.uint64(w)], words[constants + np.uint64(w + 1)] = varies, too
    if width & 1:
        one, varies = np.uint64(_GATHERED + (width - 1) * n), _ZERO
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
            if (words[constants + (b >> np.uint64(6))] >> (b & _W63)) & _ONE == _ZERO:
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


@kernel(none, NUMBERS, u64, ROWS, i64, i64, IDS, WHERE, IMAGE, WORDS, TALLY, i64)
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
    """Note in the image what could enter: constant columns with a smaller rank than the last one chosen."""
    n, width = high - low, numbers[at.N_WORDS]
    last = tally[count] if count == numbers[at.N_FEATURES] else np.int64(1) << 32
    for w in range(width):
        set_pair(image, at.IMAGE_HEADER + 2 * w, _ZERO)
        set_pair(image, at.IMAGE_HEADER + 2 * (width + w), words[_GATHERED + w * n])
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
            if (words[_GATHERED + width * n + w] >> np.uint64(b & 63)) & _ONE == _ZERO:
                mask = at.IMAGE_HEADER + 2 * w
                set_pair(image, mask, pair(image, mask) | (_ONE << np.uint64(b & 63)))
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


@kernel(
    none,
    HEAP,
    NUMBERS,
    i64,
    u64,
    ROWS,
    i64,
    i64,
    BITS,
    IDS,
    LABELS,
    RANKS,
    RAW,
    ORDER,
    PLACES,
    WHERE,
    ROWS,
    IMAGE,
    WORDS,
    TALLY,
    flag,
)
def scan(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    rows: Ints,
    low: Any,
    high: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    kept: Any,
) -> None:
    """Count all candidates of a node with these rows into the image, kept = to be a cache.  Its own counts are set."""
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
    weights = np.uint64(_GATHERED + width * (n + 1))
    for c in range(1, classes):
        for i in range(n):
            words[weights + np.uint64(i)] = _ONE | (np.uint64(spare[np.uint64(i)] == c) << _S32)
        for j in range(binary):
            b = -1 - where[image[start + j]]
            gathered, shift = np.uint64(_GATHERED + (b >> 6) * n), np.uint64(b & 63)
            ones = _ZERO
            for i in range(n):
                bit = (words[gathered + np.uint64(i)] >> shift) & _ONE
                ones += (_ZERO - bit) & words[weights + np.uint64(i)]
            image[start + binary + j] = n - np.int64(ones & _HALF)
            image[start + (1 + c) * binary + j] = heap[node + at.COUNTS + c] - np.int64(ones >> _S32)
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


@kernel(f64, HEAP, i64, i64, i64, i64, IMAGE, i64, i64)
def score(heap: Ints, node: Any, classes: Any, n: Any, least: Any, image: Ints, entry: Any, stride: Any) -> Any:
    """How good a split is, in an order that two classes and more share; -1 where a side has too few rows."""
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


@kernel(i64, HEAP, i64, i64, i64, IMAGE, i64, i64)
def gain(heap: Ints, node: Any, classes: Any, n: Any, image: Ints, entry: Any, stride: Any) -> Any:
    """The exact criterion over left * right: sum(cL^2) * right + sum(cR^2) * left, below n^3 / 2 <= 2^62."""
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


@kernel(i64, i64, i64, i64, i64)
def compare(a: Any, b: Any, c: Any, d: Any) -> Any:
    """The sign of a * b - c * d, for numbers in 0..2**63-1, in 128 bits."""
    ua, ub, uc, ud = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d)
    cross = (ua & _HALF) * (ub >> _S32) + (((ua & _HALF) * (ub & _HALF)) >> _S32)
    high = (ua >> _S32) * (ub >> _S32) + (cross >> _S32)
    high += ((cross & _HALF) + (ua >> _S32) * (ub & _HALF)) >> _S32
    cross = (uc & _HALF) * (ud >> _S32) + (((uc & _HALF) * (ud & _HALF)) >> _S32)
    other = (uc >> _S32) * (ud >> _S32) + (cross >> _S32)
    other += ((cross & _HALF) + (uc >> _S32) * (ud & _HALF)) >> _S32
    low, low_other = ua * ub, uc * ud
    if high != other:
        return 1 if high > other else -1
    if low != low_other:
        return 1 if low > low_other else -1
    return 0


@kernel(i64, HEAP, NUMBERS, i64, i64, u64, IMAGE, i64, RANKS, RAW, PLACES, SCORES)
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
    """The split, feature << 32 | place of the threshold in its dictionary; -1 if there is none.

    Floats only sort out what is far from the best; the rest is settled by whole numbers, then by feature and value.
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
            if (active >> np.uint64(e)) & _ONE != _ZERO:
                scores[t] = score(heap, node, classes, n, least, image, first + e, room)
                best = max(best, scores[t])
            t += 1
        sketch += at.SKETCH_HEADER + room * (2 + classes)
    if best < 0.0:
        return -1
    near = 0.0 if chance else best * _NEAR
    found, t, entry, stride = np.int64(-1), 0, np.int64(0), np.int64(0)
    found_gain, found_sides, found_rank, found_hash = np.int64(0), np.int64(1), np.int64(0), _ZERO
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
                    # Entries stand by value: of two of the same feature the first one wins a tie.
                    if sign > 0 or (sign == 0 and feature < (found >> 32)):
                        found, found_gain, found_sides = feature << 32 | identity, this, sides
                        entry, stride = first + e, np.int64(room)
            t += 1
        sketch += at.SKETCH_HEADER + room * (2 + classes)
    image[start + at.IMAGE_BEST], image[start + at.IMAGE_STRIDE] = entry - start, stride
    return found


@kernel(flag, HEAP, NUMBERS, i64, i64, i64, IMAGE, i64)
def holds(heap: Ints, numbers: Longs, node: Any, depth: Any, n: Any, image: Ints, start: Any) -> Any:
    """Whether the best candidate is sure to be the best still: of two classes, and no other one comes near it."""
    classes, least = numbers[at.N_CLASSES], numbers[at.N_LEAF]
    if classes != 2 or depth < numbers[at.N_RANDOM] or image[start + at.IMAGE_BEST] == 0:
        return False
    entry = start + image[start + at.IMAGE_BEST]
    left = np.int64(image[entry])
    if left < least or n - left < least:
        return False
    all_rows, ones = float(n), float(heap[node + at.COUNTS + 1])
    d = float(image[entry + image[start + at.IMAGE_STRIDE]]) * all_rows - ones * float(left)
    bar = d * d / (float(left) * float(n - left)) * _NEAR
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
            near += close & ((active >> np.uint64(e)) & _ONE != _ZERO)
        sketch += at.SKETCH_HEADER + 4 * room
    return near == 1


@kernel(i64, i64, i64, ROWS, i64, i64, ROWS, BITS, IDS, RANKS, PLACES, WHERE)
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
    """Rows that go left first, both sides in the order they had; where the right side starts."""
    column = where[feature]
    left, right = low, np.int64(0)
    if column < 0:
        b = -1 - column
        w, shift = b >> 6, np.uint64(b & 63)
        for i in range(low, high):
            row = rows[np.uint64(i)]
            rows[np.uint64(left)] = row
            spare[np.uint64(right)] = row
            above = np.int64((bits[row, w] >> shift) & _ONE)
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


@kernel(i64, i64, ROWS, i64, i64, ROWS, WORDS)
def partition_bits(b: Any, rows: Ints, low: Any, high: Any, spare: Ints, words: Words) -> Any:
    """As `partition`, by a column of bits of the rows that were scanned last: their words still lie together."""
    left, right, shift = low, np.int64(0), np.uint64(b & 63)
    gathered = np.uint64(_GATHERED + (b >> 6) * (high - low))
    for i in range(high - low):
        row = rows[np.uint64(low + i)]
        rows[np.uint64(left)] = row
        spare[np.uint64(right)] = row
        above = np.int64((words[gathered + np.uint64(i)] >> shift) & _ONE)
        right += above
        left += 1 - above
    for i in range(right):
        rows[np.uint64(left + i)] = spare[np.uint64(i)]
    return left


@kernel(i64, HEAP, i64, ROWS, i64, reads(u8), i64, STACK)
def gather(heap: Ints, node: Any, rows: Ints, n: Any, gone: Any, classes: Any, stack: Longs) -> Any:
    """Append the rows below a node to rows[:n], without those that are gone."""
    top = _WALK
    stack[top, 0] = node
    while top >= _WALK:
        node = stack[top, 0]
        top -= 1
        block = heap[node + at.BLOCK]
        if block:
            for i in range(total(heap, node, classes)):
                row = heap[block + i]
                rows[n] = row
                n += gone[row] == 0
        else:
            left = heap[node + at.LEFT]
            stack[top + 1, 0] = left + at.COUNTS + classes
            stack[top + 2, 0] = left
            top += 2
    return n


@kernel(none, HEAP, NUMBERS, i64, STACK)
def drop(heap: Ints, numbers: Longs, node: Any, stack: Longs) -> None:
    """Give back all that hangs on a node, and leave it a leaf without a block."""
    width = at.COUNTS + numbers[at.N_CLASSES]
    top = _WALK - 1
    siblings, many = node, 1
    while True:
        for s in range(many):
            each = siblings + s * width
            if heap[each + at.LEFT]:
                top += 1
                stack[top, 0] = heap[each + at.LEFT]
            if heap[each + at.CACHE] > 0:
                give(heap, numbers, heap[each + at.CACHE], heap[heap[each + at.CACHE] + at.IMAGE_SIZE])
            if heap[each + at.BLOCK]:
                give(heap, numbers, heap[each + at.BLOCK], heap[each + at.ROOM])
        if many == 2:
            give(heap, numbers, siblings, 2 * width)
        if top < _WALK:
            break
        siblings, many = stack[top, 0], 2
        top -= 1
    heap[node + at.FEATURE] = -1
    heap[node + at.THRESHOLD] = 0
    heap[node + at.LEFT] = 0
    heap[node + at.CACHE] = 0
    heap[node + at.BLOCK] = 0
    heap[node + at.ROOM] = 0


@kernel(
    none,
    HEAP,
    NUMBERS,
    i64,
    u64,
    i64,
    i64,
    i64,
    i64,
    BITS,
    IDS,
    LABELS,
    RANKS,
    RAW,
    ORDER,
    PLACES,
    WHERE,
    ROWS,
    ROWS,
    IMAGE,
    WORDS,
    TALLY,
    SCORES,
    STACK,
    KEYS,
)
def grow(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    depth: Any,
    low: Any,
    high: Any,
    inside: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    rows: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    scores: Floats,
    stack: Longs,
    keys: Words,
) -> None:
    """Make a node that hangs on nothing the tree of rows[low:high]; inside = it lies in another node's bucket."""
    classes = numbers[at.N_CLASSES]
    width = at.COUNTS + classes
    top = _GROW
    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4] = node, depth, low, high, inside
    keys[top] = key
    for c in range(classes):
        heap[node + at.COUNTS + c] = 0
    for i in range(low, high):
        heap[node + at.COUNTS + labels[rows[i]]] += 1
    while top >= _GROW:
        node, depth, low, high, inside = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4]
        key = keys[top]
        top -= 1
        if inside == 2:  # the bucket below is done: its rows have their final order
            for i in range(high - low):
                heap[heap[node + at.BLOCK] + i] = rows[low + i]
            continue
        for i in range(at.COUNTS):
            heap[node + i] = 0
        heap[node + at.FEATURE] = -1
        split, size = np.int64(-1), 0
        if not is_end(heap, numbers, node, depth):
            scan(
                heap,
                numbers,
                node,
                key,
                rows,
                low,
                high,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                spare,
                image,
                words,
                tally,
                not inside and high - low > numbers[at.N_BUCKET],
            )
            split = choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores)
            size = class_size(size_class(image[at.IMAGE_SIZE]))
        if not inside:
            if split >= 0 and high - low > numbers[at.N_BUCKET] and numbers[at.N_TOP] + size <= numbers[at.N_LIMIT]:
                cache = take(heap, numbers, image[at.IMAGE_SIZE])
                heap[node + at.CACHE] = cache
                for i in range(image[at.IMAGE_SIZE]):
                    heap[cache + i] = image[i]
            else:
                room = class_size(size_class(max(high - low, 1)))
                heap[node + at.BLOCK] = take(heap, numbers, room)
                heap[node + at.ROOM] = room
                inside = 1
                top += 1
                stack[top, 0], stack[top, 2], stack[top, 3], stack[top, 4] = node, low, high, 2
        if split < 0:
            continue
        heap[node + at.FEATURE] = split >> 32
        heap[node + at.THRESHOLD] = split & 0xFFFFFFFF
        column = where[split >> 32]
        if column < 0:
            middle = partition_bits(-1 - column, rows, low, high, spare, words)
        else:
            identity = split & 0xFFFFFFFF
            middle = partition(split >> 32, identity, rows, low, high, spare, bits, ids, ranks, places, where)
        left = take(heap, numbers, 2 * width)
        heap[node + at.LEFT] = left
        first = middle - low
        for c in range(1, classes):
            some = image[image[at.IMAGE_BEST] + c * image[at.IMAGE_STRIDE]]
            first -= some
            heap[left + at.COUNTS + c] = some
            heap[left + width + at.COUNTS + c] = heap[node + at.COUNTS + c] - some
        heap[left + at.COUNTS] = first
        heap[left + width + at.COUNTS] = heap[node + at.COUNTS] - first
        top += 2
        stack[top - 1, 0], stack[top - 1, 1], stack[top - 1, 2], stack[top - 1, 3], stack[top - 1, 4] = (
            left + width,
            depth + 1,
            middle,
            high,
            inside,
        )
        stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4] = (
            left,
            depth + 1,
            low,
            middle,
            inside,
        )
        keys[top - 1] = child_key(key, 1)
        keys[top] = child_key(key, 0)


@kernel(flag, NUMBERS, u64, IMAGE, i64, ROWS, i64, i64, i64, BITS, IDS, LABELS, RANKS, RAW, PLACES, WHERE)
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
    """Take rows into a cache (sign 1) or out of it (-1); false where only a new scan can tell."""
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
                if (bits[row, w] ^ pair(image, mask + 2 * width)) & pair(image, mask) != _ZERO:
                    return False
            for j in range(constants, names, 2):
                if ids[image[j], row] != image[j + 1]:
                    return False
        for j in range(binary):
            b = np.uint64(-1 - where[image[np.uint64(names + j)]])
            below = (1 - np.int64((bits[row, b >> np.uint64(6)] >> (b & _W63)) & _ONE)) * sign
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


@kernel(flag, NUMBERS, u64, IMAGE, i64, i64, RAW, PLACES, WORDS)
def settle(numbers: Longs, key: Any, image: Ints, start: Any, n: Any, raw: Words, places: Longs, words: Words) -> Any:
    """After all adjusting: mark the candidates anew where they changed; false where only a new scan can tell."""
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


@kernel(none, HEAP, NUMBERS, i64, ROWS, i64, i64, ROWS, i64, i64, reads(u8))
def edit_block(
    heap: Ints,
    numbers: Longs,
    node: Any,
    dels: Ints,
    dlow: Any,
    dhigh: Any,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
) -> None:
    """Change the rows of a leaf that stays one; the node's counts are the new ones."""
    block, room = heap[node + at.BLOCK], heap[node + at.ROOM]
    after = total(heap, node, numbers[at.N_CLASSES])
    n = after + (dhigh - dlow) - (ahigh - alow)
    if dhigh - dlow == 1:
        i = block
        while heap[i] != dels[dlow]:
            i += 1
        n -= 1
        heap[i] = heap[block + n]
    elif dhigh > dlow:
        kept = 0
        for i in range(n):
            row = heap[block + i]
            heap[block + kept] = row
            kept += gone[row] == 0
        n = kept
    if after > room:
        more = class_size(size_class(after + after // 8))
        fresh = take(heap, numbers, more)
        for i in range(n):
            heap[fresh + i] = heap[block + i]
        give(heap, numbers, block, room)
        heap[node + at.BLOCK], heap[node + at.ROOM] = fresh, more
        block = fresh
    for i in range(alow, ahigh):
        heap[block + n] = adds[i]
        n += 1


@kernel(none, HEAP, i64, ROWS, i64, i64, ROWS, i64, i64, LABELS)
def count(
    heap: Ints, node: Any, dels: Ints, dlow: Any, dhigh: Any, adds: Ints, alow: Any, ahigh: Any, labels: Ints
) -> None:
    for i in range(dlow, dhigh):
        heap[node + at.COUNTS + labels[dels[i]]] -= 1
    for i in range(alow, ahigh):
        heap[node + at.COUNTS + labels[adds[i]]] += 1


@kernel(none, STACK, KEYS, i64, i64, u64, i64, i64, i64, i64, i64, i64, i64, i64)
def push(
    stack: Longs,
    keys: Words,
    top: Any,
    node: Any,
    key: Any,
    depth: Any,
    dlow: Any,
    dhigh: Any,
    alow: Any,
    ahigh: Any,
    low: Any,
    high: Any,
    held: Any,
) -> None:
    keys[top] = key
    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = node, depth, dlow, dhigh
    stack[top, 4], stack[top, 5], stack[top, 6], stack[top, 7], stack[top, 8] = alow, ahigh, low, high, held


@kernel(
    none,
    HEAP,
    NUMBERS,
    i64,
    u64,
    i64,
    ROWS,
    i64,
    i64,
    ROWS,
    i64,
    i64,
    reads(u8),
    BITS,
    IDS,
    LABELS,
    RANKS,
    RAW,
    ORDER,
    PLACES,
    WHERE,
    ROWS,
    ROWS,
    IMAGE,
    WORDS,
    TALLY,
    SCORES,
    STACK,
    KEYS,
)
def revise(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    depth: Any,
    dels: Ints,
    dlow: Any,
    dhigh: Any,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    rows: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    scores: Floats,
    stack: Longs,
    keys: Words,
) -> None:
    """Change a bucket; its root's counts are the new ones.

    Partitions are stable, so that a part no row enters or leaves keeps its order, and with it what lies below.
    """
    classes = numbers[at.N_CLASSES]
    width = at.COUNTS + classes
    n = total(heap, node, classes)
    if heap[node + at.FEATURE] < 0 and is_end(heap, numbers, node, depth):
        edit_block(heap, numbers, node, dels, dlow, dhigh, adds, alow, ahigh, gone)
        return
    block, room, root = heap[node + at.BLOCK], heap[node + at.ROOM], node
    kept = 0
    for i in range(n + (dhigh - dlow) - (ahigh - alow)):
        row = heap[block + i]
        rows[kept] = row
        kept += gone[row] == 0
    for i in range(alow, ahigh):
        rows[kept] = adds[i]
        kept += 1
    if n > 2 * numbers[at.N_BUCKET]:
        drop(heap, numbers, node, stack)
        numbers[at.N_REBUILT] += n
        grow(
            heap,
            numbers,
            node,
            key,
            depth,
            0,
            n,
            0,
            bits,
            ids,
            labels,
            ranks,
            raw,
            order,
            places,
            where,
            rows,
            spare,
            image,
            words,
            tally,
            scores,
            stack,
            keys,
        )
        return
    top = _PATH
    push(stack, keys, top, node, key, depth, dlow, dhigh, alow, ahigh, 0, n, 1)
    while top >= _PATH:
        node, depth, dlow, dhigh = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        alow, ahigh, low, high = stack[top, 4], stack[top, 5], stack[top, 6], stack[top, 7]
        key, counted = keys[top], stack[top, 8]
        top -= 1
        if dlow == dhigh and alow == ahigh:
            continue
        if not counted:
            count(heap, node, dels, dlow, dhigh, adds, alow, ahigh, labels)
        split, old = np.int64(-1), np.int64(-1)
        if not is_end(heap, numbers, node, depth):
            scan(
                heap,
                numbers,
                node,
                key,
                rows,
                low,
                high,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                spare,
                image,
                words,
                tally,
                False,
            )
            split = choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores)
        feature, identity = np.int64(heap[node + at.FEATURE]), np.int64(heap[node + at.THRESHOLD])
        if feature >= 0:
            old = (feature << 32) | identity
        if split != old:
            heap[node + at.BLOCK] = 0
            drop(heap, numbers, node, stack)
            numbers[at.N_REBUILT] += high - low
            grow(
                heap,
                numbers,
                node,
                key,
                depth,
                low,
                high,
                1,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                rows,
                spare,
                image,
                words,
                tally,
                scores,
                stack,
                keys,
            )
        elif split >= 0:
            middle = partition(feature, identity, rows, low, high, spare, bits, ids, ranks, places, where)
            dmiddle = partition(feature, identity, dels, dlow, dhigh, spare, bits, ids, ranks, places, where)
            amiddle = partition(feature, identity, adds, alow, ahigh, spare, bits, ids, ranks, places, where)
            left = heap[node + at.LEFT]
            push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, dlow, dmiddle, alow, amiddle, low, middle, 0)
            push(
                stack,
                keys,
                top + 2,
                left + width,
                child_key(key, 1),
                depth + 1,
                dmiddle,
                dhigh,
                amiddle,
                ahigh,
                middle,
                high,
                0,
            )
            top += 2
    if n > room:
        give(heap, numbers, block, room)
        room = class_size(size_class(n + n // 8))
        block = take(heap, numbers, room)
    heap[root + at.BLOCK], heap[root + at.ROOM] = block, room
    for i in range(n):
        heap[block + i] = rows[i]


@kernel(none, HEAP, NUMBERS, i64, STACK)
def flatten(heap: Ints, numbers: Longs, node: Any, stack: Longs) -> None:
    """Make a bucket one leaf: it only holds rows now, until its tree is rebuilt above it."""
    block, room = heap[node + at.BLOCK], heap[node + at.ROOM]
    heap[node + at.BLOCK] = 0
    drop(heap, numbers, node, stack)
    heap[node + at.BLOCK], heap[node + at.ROOM] = block, room


@kernel(
    none,
    HEAP,
    NUMBERS,
    i64,
    u64,
    ROWS,
    i64,
    i64,
    ROWS,
    i64,
    i64,
    reads(u8),
    BITS,
    IDS,
    LABELS,
    RANKS,
    RAW,
    ORDER,
    PLACES,
    WHERE,
    ROWS,
    ROWS,
    IMAGE,
    WORDS,
    TALLY,
    SCORES,
    STACK,
    KEYS,
    writes(u8),
    i64,
)
def change(
    heap: Ints,
    numbers: Longs,
    root: Any,
    key: Any,
    dels: Ints,
    dlow: Any,
    dhigh: Any,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    rows: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    scores: Floats,
    stack: Longs,
    keys: Words,
    dirty: Any,
    tree: Any,
) -> None:
    """Take rows out of one tree and into it."""
    classes, lazy = numbers[at.N_CLASSES], numbers[at.N_LAZY]
    width = at.COUNTS + classes
    top = 0
    push(stack, keys, top, root, key, 0, dlow, dhigh, alow, ahigh, 0, 0, 0)
    while top >= 0:
        node, depth, dlow, dhigh = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        alow, ahigh, held = stack[top, 4], stack[top, 5], stack[top, 8]
        key = keys[top]
        top -= 1
        moved = (dhigh - dlow) + (ahigh - alow)
        if moved == 0:
            continue
        numbers[at.N_VISITS] += 1
        count(heap, node, dels, dlow, dhigh, adds, alow, ahigh, labels)
        cache = np.int64(heap[node + at.CACHE])
        if heap[node + at.BLOCK]:
            if held:
                flatten(heap, numbers, node, stack)
                edit_block(heap, numbers, node, dels, dlow, dhigh, adds, alow, ahigh, gone)
            else:
                revise(
                    heap,
                    numbers,
                    node,
                    key,
                    depth,
                    dels,
                    dlow,
                    dhigh,
                    adds,
                    alow,
                    ahigh,
                    gone,
                    bits,
                    ids,
                    labels,
                    ranks,
                    raw,
                    order,
                    places,
                    where,
                    rows,
                    spare,
                    image,
                    words,
                    tally,
                    scores,
                    stack,
                    keys,
                )
            continue
        feature, identity = np.int64(heap[node + at.FEATURE]), np.int64(heap[node + at.THRESHOLD])
        n = total(heap, node, classes)
        stays, held = False, held or cache == at.DIRTY
        if not held and moved * _BATCH <= n and not is_end(heap, numbers, node, depth):
            split = (feature << 32) | identity
            if (
                adjust(numbers, key, heap, cache, dels, dlow, dhigh, -1, bits, ids, labels, ranks, raw, places, where)
                and (
                    alow == ahigh
                    or adjust(
                        numbers, key, heap, cache, adds, alow, ahigh, 1, bits, ids, labels, ranks, raw, places, where
                    )
                )
                and settle(numbers, key, heap, cache, n, raw, places, words)
            ):
                stays = (
                    holds(heap, numbers, node, depth, n, heap, cache)
                    or choose(heap, numbers, node, depth, key, heap, cache, ranks, raw, places, scores) == split
                )
            else:
                m = gather(heap, node, rows, 0, gone, classes, stack)
                for i in range(alow, ahigh):
                    rows[m] = adds[i]
                    m += 1
                numbers[at.N_REBUILT] += m
                scan(
                    heap,
                    numbers,
                    node,
                    key,
                    rows,
                    0,
                    m,
                    bits,
                    ids,
                    labels,
                    ranks,
                    raw,
                    order,
                    places,
                    where,
                    spare,
                    image,
                    words,
                    tally,
                    True,
                )
                size = image[at.IMAGE_SIZE]
                if (
                    choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores) == split
                    and numbers[at.N_TOP] + class_size(size_class(size)) <= numbers[at.N_LIMIT]
                ):
                    give(heap, numbers, cache, heap[cache + at.IMAGE_SIZE])
                    cache = take(heap, numbers, size)
                    heap[node + at.CACHE] = cache
                    for i in range(size):
                        heap[cache + i] = image[i]
                    stays = True
        if not stays and not (lazy or held):
            m = gather(heap, node, rows, 0, gone, classes, stack)
            for i in range(alow, ahigh):
                rows[m] = adds[i]
                m += 1
            drop(heap, numbers, node, stack)
            numbers[at.N_REBUILT] += m
            grow(
                heap,
                numbers,
                node,
                key,
                depth,
                0,
                m,
                0,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                rows,
                spare,
                image,
                words,
                tally,
                scores,
                stack,
                keys,
            )
            continue
        if not stays:
            held = 1
            if cache > 0:
                give(heap, numbers, cache, heap[cache + at.IMAGE_SIZE])
            heap[node + at.CACHE] = at.DIRTY
            dirty[tree] = 1
        dmiddle = partition(feature, identity, dels, dlow, dhigh, spare, bits, ids, ranks, places, where)
        amiddle = partition(feature, identity, adds, alow, ahigh, spare, bits, ids, ranks, places, where)
        left = heap[node + at.LEFT]
        push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, dlow, dmiddle, alow, amiddle, 0, 0, held)
        push(
            stack, keys, top + 2, left + width, child_key(key, 1), depth + 1, dmiddle, dhigh, amiddle, ahigh, 0, 0, held
        )
        top += 2


@kernel(
    none,
    HEAP,
    NUMBERS,
    i64,
    u64,
    ROWS,
    i64,
    reads(u8),
    BITS,
    IDS,
    LABELS,
    RANKS,
    RAW,
    ORDER,
    PLACES,
    WHERE,
    ROWS,
    ROWS,
    IMAGE,
    WORDS,
    TALLY,
    SCORES,
    STACK,
    KEYS,
)
def foretell(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    dels: Ints,
    dhigh: Any,
    gone: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    rows: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    scores: Floats,
    stack: Longs,
    keys: Words,
) -> None:
    """Add up what taking rows out of a tree would cost; the tree stays as it is."""
    classes = numbers[at.N_CLASSES]
    top = 0
    push(stack, keys, top, node, key, 0, 0, dhigh, 0, 0, 0, 0, 0)
    while top >= 0:
        node, depth, dlow, dhigh, key = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], keys[top]
        top -= 1
        if dlow == dhigh:
            continue
        numbers[at.N_COST_NODES] += 1
        cache = np.int64(heap[node + at.CACHE])
        if cache == 0:
            continue
        feature, identity = np.int64(heap[node + at.FEATURE]), np.int64(heap[node + at.THRESHOLD])
        for i in range(heap[cache + at.IMAGE_SIZE]):
            image[i] = heap[cache + i]
        for i in range(dlow, dhigh):
            heap[node + at.COUNTS + labels[dels[i]]] -= 1
        n = total(heap, node, classes)
        stays = (dhigh - dlow) * _BATCH <= n and not is_end(heap, numbers, node, depth)
        if stays:
            known = adjust(numbers, key, image, 0, dels, dlow, dhigh, -1, bits, ids, labels, ranks, raw, places, where)
            if not known or not settle(numbers, key, image, 0, n, raw, places, words):
                numbers[at.N_COST_ROWS] += gather(heap, node, rows, 0, gone, classes, stack)
                scan(
                    heap,
                    numbers,
                    node,
                    key,
                    rows,
                    0,
                    n,
                    bits,
                    ids,
                    labels,
                    ranks,
                    raw,
                    order,
                    places,
                    where,
                    spare,
                    image,
                    words,
                    tally,
                    False,
                )
            split = choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores)
            stays = split == (feature << 32) | identity
        for i in range(dlow, dhigh):
            heap[node + at.COUNTS + labels[dels[i]]] += 1
        if not stays:
            numbers[at.N_COST_ROWS] += n
            continue
        dmiddle = partition(feature, identity, dels, dlow, dhigh, spare, bits, ids, ranks, places, where)
        left = heap[node + at.LEFT]
        push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, dlow, dmiddle, 0, 0, 0, 0, 0)
        push(
            stack,
            keys,
            top + 2,
            left + at.COUNTS + classes,
            child_key(key, 1),
            depth + 1,
            dmiddle,
            dhigh,
            0,
            0,
            0,
            0,
            0,
        )
        top += 2


@kernel(i64, NUMBERS, i64)
def strict_need(numbers: Longs, n: Any) -> Any:
    """How many ints a tree of n rows may need beside its caches."""
    leaves = min(n + 1, np.int64(1) << min(numbers[at.N_DEPTH], 40))
    return n + n // 2 + leaves * (16 + class_size(size_class(2 * (at.COUNTS + numbers[at.N_CLASSES])))) + 64


@kernel(
    i64,
    i64,
    i64,
    HEAP,
    NUMBERS,
    writes(i64),
    writes(u8),
    reads(u64),
    reads(u64),
    u64,
    ROWS,
    i64,
    ROWS,
    i64,
    reads(u8),
    BITS,
    IDS,
    LABELS,
    RANKS,
    RAW,
    ORDER,
    PLACES,
    WHERE,
    ROWS,
    ROWS,
    ROWS,
    ROWS,
    IMAGE,
    WORDS,
    TALLY,
    SCORES,
    STACK,
    KEYS,
)
def run(
    task: Any,
    tree: Any,
    heap: Ints,
    numbers: Longs,
    roots: Longs,
    dirty: Any,
    salts: Words,
    row_keys: Words,
    share: Any,
    dels: Ints,
    n_dels: Any,
    adds: Ints,
    n_adds: Any,
    gone: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    out: Ints,
    into: Ints,
    rows: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    scores: Floats,
    stack: Longs,
    keys: Words,
) -> Any:
    """Do a task for each tree from this one on; the first one that has too little room, or the number of trees.

    GROW: anew from the rows in adds;  CHANGE: by dels and adds;  FLUSH: what waits for it;
    FORETELL: add up what dels would cost.
    """
    classes = numbers[at.N_CLASSES]
    width = at.COUNTS + classes
    while tree < len(roots):
        n_out, n_into = 0, 0
        sampler = mix(salts[tree] ^ _M2)
        for i in range(n_dels):
            out[n_out] = dels[i]
            n_out += mix(row_keys[dels[i]] ^ sampler) <= share
        for i in range(n_adds):
            into[n_into] = adds[i]
            n_into += mix(row_keys[adds[i]] ^ sampler) <= share
        if (task == at.FLUSH and not dirty[tree]) or (task in (at.CHANGE, at.FORETELL) and n_out + n_into == 0):
            tree += 1
            continue
        root = roots[tree]
        n = n_into
        if root:
            n += total(heap, root, classes)
        numbers[at.N_NEED] = n
        if n + 8 > len(rows):
            return tree
        need = strict_need(numbers, n)
        if numbers[at.N_TOP] + 2 * need + 4096 > len(heap):
            return tree
        numbers[at.N_LIMIT] = len(heap) - need
        if task == at.CHANGE:
            change(
                heap,
                numbers,
                root,
                salts[tree],
                out,
                0,
                n_out,
                into,
                0,
                n_into,
                gone,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                rows,
                spare,
                image,
                words,
                tally,
                scores,
                stack,
                keys,
                dirty,
                tree,
            )
        elif task == at.FORETELL:
            foretell(
                heap,
                numbers,
                root,
                salts[tree],
                out,
                n_out,
                gone,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                rows,
                spare,
                image,
                words,
                tally,
                scores,
                stack,
                keys,
            )
        elif task == at.GROW:
            if root:
                drop(heap, numbers, root, stack)
            else:
                root = take(heap, numbers, width)
                roots[tree] = root
            for i in range(n_into):
                rows[i] = into[i]
            numbers[at.N_REBUILT] += n_into
            grow(
                heap,
                numbers,
                root,
                salts[tree],
                0,
                0,
                n_into,
                0,
                bits,
                ids,
                labels,
                ranks,
                raw,
                order,
                places,
                where,
                rows,
                spare,
                image,
                words,
                tally,
                scores,
                stack,
                keys,
            )
            dirty[tree] = 0
        else:
            top = 0
            push(stack, keys, top, root, salts[tree], 0, 0, 0, 0, 0, 0, 0, 0)
            while top >= 0:
                node, depth, key = stack[top, 0], stack[top, 1], keys[top]
                top -= 1
                cache = heap[node + at.CACHE]
                if cache > 0:
                    left = heap[node + at.LEFT]
                    push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, 0, 0, 0, 0, 0, 0, 0)
                    push(stack, keys, top + 2, left + width, child_key(key, 1), depth + 1, 0, 0, 0, 0, 0, 0, 0)
                    top += 2
                elif cache == at.DIRTY:
                    m = gather(heap, node, rows, 0, gone, classes, stack)
                    drop(heap, numbers, node, stack)
                    numbers[at.N_REBUILT] += m
                    grow(
                        heap,
                        numbers,
                        node,
                        key,
                        depth,
                        0,
                        m,
                        0,
                        bits,
                        ids,
                        labels,
                        ranks,
                        raw,
                        order,
                        places,
                        where,
                        rows,
                        spare,
                        image,
                        words,
                        tally,
                        scores,
                        stack,
                        keys,
                    )
            dirty[tree] = 0
        tree += 1
    return tree
