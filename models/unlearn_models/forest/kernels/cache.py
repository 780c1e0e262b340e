"""Parts of a cache: words of 64 bits in two ints, and which entries of a sketch are candidates."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, none, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.hashing import mix
from unlearn_models.forest.kernels.signatures import (
    HALF,
    IMAGE,
    NUMBERS,
    ONE,
    RAW,
    S32,
    WORDS,
    ZERO,
    Ints,
    Longs,
    Words,
)


@lean_kernel(u64, IMAGE, i64)
def pair(image: Ints, start: Any) -> Any:
    """The 64-bit word in two ints from `start` on, the low half first."""
    return (np.uint64(image[start]) & HALF) | (np.uint64(image[start + 1]) << S32)


@lean_kernel(none, IMAGE, i64, u64)
def set_pair(image: Ints, start: Any, word: Any) -> None:
    """Store a 64-bit word in two ints from `start` on, the low half first."""
    image[start] = np.int32(np.int64(word & HALF))
    image[start + 1] = np.int32(np.int64(word >> S32))


@lean_kernel(none, NUMBERS, IMAGE, i64, i64, u64, RAW, i64, WORDS)
def activate(numbers: Longs, image: Ints, sketch: Any, n: Any, salt: Any, raw: Words, start: Any, words: Words) -> None:
    """Mark a sketch's candidates: the N_THRESHOLDS smallest hashes, not counting the node's largest value."""
    length, room = image[sketch + at.SKETCH_LENGTH], image[sketch + at.SKETCH_ROOM]
    first = sketch + at.SKETCH_HEADER
    lefts = first + 2 * room
    active, count = ZERO, 0
    for e in range(length):
        words[e] = mix(raw[start + image[first + e]] ^ salt)
        if image[lefts + e] < n:
            active |= ONE << np.uint64(e)
            count += 1
    while count > numbers[at.N_THRESHOLDS]:
        worst = -1
        for e in range(length):
            if (active >> np.uint64(e)) & ONE != ZERO and (worst < 0 or words[e] > words[worst]):
                worst = e
        active ^= ONE << np.uint64(worst)
        count -= 1
    set_pair(image, sketch + at.SKETCH_ACTIVE, active)
    flags = image[sketch + at.SKETCH_FLAGS] & at.COMPLETE
    if length > 0 and image[lefts + length - 1] == n:
        flags |= at.TOPPED
    image[sketch + at.SKETCH_FLAGS] = flags
