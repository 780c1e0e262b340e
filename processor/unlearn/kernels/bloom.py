"""A Bloom filter of fields of 10 uniform bytes, blocked: all bits of a field lie in one block of 512 bits.

Putze, Sanders, Singler: "Cache-, hash- and space-efficient Bloom filters", section 3 (2007).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import flag, i64, kernel, none, reads, u8, u64, writes

FIELD = 10
WORDS = 8
"""Words of 64 bits in a block."""
_BITS = 7
"""Bits set for each field."""


@kernel(u64, u64)
def _mix(h: Any) -> Any:
    """The finisher of splitmix64, by Sebastiano Vigna (public domain)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@kernel(u64, reads(u8), i64)
def _number(fields: NDArray[np.uint8], at: int) -> Any:
    h = np.uint64(0)
    for byte in range(8):
        h |= np.uint64(fields[at + byte]) << np.uint64(8 * byte)
    return h ^ ((np.uint64(fields[at + 8]) | (np.uint64(fields[at + 9]) << np.uint64(8))) << np.uint64(24))


@kernel(i64, writes(u64), reads(u8), i64, i64)
def add(words: NDArray[np.uint64], fields: NDArray[np.uint8], start: int, step: int) -> int:
    """Kernel: put fields into the filter: those that stand at `start` and every `step` bytes behind it.

    Returns how many of them weren't in it.
    """
    blocks, added = np.uint64(len(words) // WORDS), 0
    for at in range(start, len(fields) - FIELD + 1, step):
        h = _number(fields, at)
        first = np.int64(h % blocks) * WORDS
        h = _mix(h)
        missing = False
        for _ in range(_BITS):
            word, bit = first + np.int64(h & np.uint64(7)), np.uint64(1) << ((h >> np.uint64(3)) & np.uint64(63))
            missing |= words[word] & bit == np.uint64(0)
            words[word] |= bit
            h >>= np.uint64(9)
        added += missing
    return added


@kernel(flag, reads(u64), i64, u64)
def _holds(words: NDArray[np.uint64], block: Any, mixed: Any) -> Any:
    """Whether all bits of a field are set in the block that begins at the word `block`; `mixed`: its second number."""
    for _ in range(_BITS):
        word, bit = words[block + np.int64(mixed & np.uint64(7))], (mixed >> np.uint64(3)) & np.uint64(63)
        if (word >> bit) & np.uint64(1) == np.uint64(0):
            return False
        mixed >>= np.uint64(9)
    return True


@kernel(none, reads(u64), reads(u8), i64, i64, writes(flag))
def look(words: NDArray[np.uint64], fields: NDArray[np.uint8], start: int, step: int, found: NDArray[np.bool_]) -> None:
    """Kernel: whether each field may be in the filter; false only for one that isn't."""
    blocks = np.uint64(len(words) // WORDS)
    for row in range(len(found)):
        h = _number(fields, start + row * step)
        found[row] = _holds(words, np.int64(h % blocks) * WORDS, _mix(h))


@kernel(none, reads(u64), reads(i64), reads(i64), reads(u8), i64, i64, writes(flag))
def look_in_each(
    words: NDArray[np.uint64],
    first: NDArray[np.int64],
    blocks: NDArray[np.int64],
    fields: NDArray[np.uint8],
    start: int,
    step: int,
    found: NDArray[np.bool_],
) -> None:
    """Kernel: mark in `found` each of several filters that may hold one of the fields; no other mark changes.

    Filter i is the `blocks[i]` blocks of `words` from the block `first[i]` on, as `add` fills them.
    """
    for at in range(start, len(fields) - FIELD + 1, step):
        h = _number(fields, at)
        mixed = _mix(h)
        for one in range(len(found)):
            if found[one]:
                continue
            found[one] = _holds(words, (first[one] + np.int64(h % np.uint64(blocks[one]))) * WORDS, mixed)
