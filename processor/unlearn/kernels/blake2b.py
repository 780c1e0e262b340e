"""BLAKE2b (RFC 7693) of many short messages under one key: the same bytes as `hashlib.blake2b`.

The key is a block of its own before the message. It is compressed once, into the state that every message starts from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import i64, kernel, none, reads, u8, u64, writes

BLOCK = 128
"""Bytes of one block; a message starts with a whole one that holds the key, if there is a key."""
_WORDS = 8
FOUR, SIXTEEN = (u64,) * 4, (u64,) * 16

_IV = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    np.uint64,
)
_ALL_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)

Words = Any
"""Kernel code: unsigned numbers of 64 bits."""


@kernel(u64, u64, u64)
def _turned(word: Words, bits: Words) -> Words:
    return (word >> bits) | (word << (np.uint64(64) - bits))


@kernel(FOUR, u64, u64, u64, u64, u64, u64)
def _mix(a: Words, b: Words, c: Words, d: Words, x: Words, y: Words) -> Words:
    """The function G of RFC 7693, section 3.1."""
    a = a + b + x
    d = _turned(d ^ a, np.uint64(32))
    c = c + d
    b = _turned(b ^ c, np.uint64(24))
    a = a + b + y
    d = _turned(d ^ a, np.uint64(16))
    c = c + d
    b = _turned(b ^ c, np.uint64(63))
    return a, b, c, d


@kernel(SIXTEEN, SIXTEEN, SIXTEEN)
def _round(v: Words, m: Words) -> Words:
    """One of the twelve rounds; `m`: the block's words in the round's order."""
    v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15 = v
    v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[0], m[1])
    v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[2], m[3])
    v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[4], m[5])
    v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[6], m[7])
    v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[8], m[9])
    v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[10], m[11])
    v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[12], m[13])
    v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[14], m[15])
    return v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15


@kernel(none, writes(u64), writes(u64), u64, u64)
def _compress(h: NDArray[np.uint64], m: NDArray[np.uint64], counted: Words, last: Words) -> None:
    """The function F of RFC 7693, section 3.2: take the block's words `m` into `h`, `counted` bytes so far.

    `last`: all ones for the last block, else 0. The orders of the words are the standard's SIGMA.
    """
    state = (h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7])
    v: Any = (*state, _IV[0], _IV[1], _IV[2], _IV[3], _IV[4] ^ counted, _IV[5], _IV[6] ^ last, _IV[7])
    v = _round(
        v, (m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11], m[12], m[13], m[14], m[15])
    )
    v = _round(
        v, (m[14], m[10], m[4], m[8], m[9], m[15], m[13], m[6], m[1], m[12], m[0], m[2], m[11], m[7], m[5], m[3])
    )
    v = _round(
        v, (m[11], m[8], m[12], m[0], m[5], m[2], m[15], m[13], m[10], m[14], m[3], m[6], m[7], m[1], m[9], m[4])
    )
    v = _round(
        v, (m[7], m[9], m[3], m[1], m[13], m[12], m[11], m[14], m[2], m[6], m[5], m[10], m[4], m[0], m[15], m[8])
    )
    v = _round(
        v, (m[9], m[0], m[5], m[7], m[2], m[4], m[10], m[15], m[14], m[1], m[11], m[12], m[6], m[8], m[3], m[13])
    )
    v = _round(
        v, (m[2], m[12], m[6], m[10], m[0], m[11], m[8], m[3], m[4], m[13], m[7], m[5], m[15], m[14], m[1], m[9])
    )
    v = _round(
        v, (m[12], m[5], m[1], m[15], m[14], m[13], m[4], m[10], m[0], m[7], m[6], m[3], m[9], m[2], m[8], m[11])
    )
    v = _round(
        v, (m[13], m[11], m[7], m[14], m[12], m[1], m[3], m[9], m[5], m[0], m[15], m[4], m[8], m[6], m[2], m[10])
    )
    v = _round(
        v, (m[6], m[15], m[14], m[9], m[11], m[3], m[0], m[8], m[12], m[2], m[13], m[7], m[1], m[4], m[10], m[5])
    )
    v = _round(
        v, (m[10], m[2], m[8], m[4], m[7], m[6], m[1], m[5], m[15], m[11], m[9], m[14], m[3], m[12], m[13], m[0])
    )
    v = _round(
        v, (m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11], m[12], m[13], m[14], m[15])
    )
    v = _round(
        v, (m[14], m[10], m[4], m[8], m[9], m[15], m[13], m[6], m[1], m[12], m[0], m[2], m[11], m[7], m[5], m[3])
    )
    for word in range(_WORDS):
        h[word] ^= v[word] ^ v[word + _WORDS]


@kernel(none, writes(u64), reads(u8), i64, i64)
def _load(m: NDArray[np.uint64], data: NDArray[np.uint8], start: int, stop: int) -> None:
    """Put data[start:stop], 128 bytes at most, into the words `m`, the first byte lowest, filled up with zeros."""
    for word in range(2 * _WORDS):
        at = start + 8 * word
        packed = np.uint64(0)
        if at + 8 <= stop:
            packed = (
                np.uint64(data[at])
                | (np.uint64(data[at + 1]) << np.uint64(8))
                | (np.uint64(data[at + 2]) << np.uint64(16))
                | (np.uint64(data[at + 3]) << np.uint64(24))
                | (np.uint64(data[at + 4]) << np.uint64(32))
                | (np.uint64(data[at + 5]) << np.uint64(40))
                | (np.uint64(data[at + 6]) << np.uint64(48))
                | (np.uint64(data[at + 7]) << np.uint64(56))
            )
        else:
            for byte in range(max(0, stop - at)):
                packed |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
        m[word] = packed


@kernel(none, reads(u64), i64, reads(u8), i64, i64, writes(u64), writes(u64))
def absorb(
    keyed: NDArray[np.uint64],
    before: int,
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    h: NDArray[np.uint64],
    m: NDArray[np.uint64],
) -> None:
    """Kernel: leave in `h` the digest's words of data[start:stop], at least one byte.

    `keyed` and `before`: as `keyed_state` gives them; `m`: 16 words to work in.
    """
    for word in range(_WORDS):
        h[word] = keyed[word]
    counted = before
    while stop - start > BLOCK:
        _load(m, data, start, start + BLOCK)
        counted += BLOCK
        _compress(h, m, np.uint64(counted), np.uint64(0))
        start += BLOCK
    _load(m, data, start, stop)
    _compress(h, m, np.uint64(counted + stop - start), _ALL_ONES)


@kernel(none, reads(u64), i64, i64, writes(u64), writes(u64))
def absorb_number(
    keyed: NDArray[np.uint64], before: int, number: int, h: NDArray[np.uint64], m: NDArray[np.uint64]
) -> None:
    """Kernel: as `absorb`, of a number's 8 bytes, the lowest first."""
    for word in range(_WORDS):
        h[word] = keyed[word]
        m[word] = m[word + _WORDS] = np.uint64(0)
    m[0] = np.uint64(number)
    _compress(h, m, np.uint64(before + 8), _ALL_ONES)


@kernel(none, writes(u64), reads(u8))
def _take_key(h: NDArray[np.uint64], block: NDArray[np.uint8]) -> None:
    m = np.empty(2 * _WORDS, np.uint64)
    _load(m, block, 0, BLOCK)
    _compress(h, m, np.uint64(BLOCK), np.uint64(0))


def keyed_state(key: bytes, person: bytes, size: int) -> tuple[NDArray[np.uint64], int]:
    """The state (8 words) before a message's first byte, and how many bytes it has taken in.

    `key`: 0 to 64 bytes; `person`: up to 16; `size`: of the digest, in bytes.
    """
    parameters = bytes([size, len(key), 1, 1]) + bytes(44) + person.ljust(16, b"\0")
    h = _IV ^ np.frombuffer(parameters, "<u8").astype(np.uint64)
    if not key:
        return h, 0
    _take_key(h, np.frombuffer(key.ljust(BLOCK, b"\0"), np.uint8))
    return h, BLOCK
