"""The compiled part of hashing texts: UTF-8 to tokens, MurmurHash3, sorted counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.kernel import f64, flag, i32, i64, kernel, none, reads, u8, u32, writes

APART, HARD = 0, -1  # instead of a letter: between tokens; not to be lowered on its own


@kernel(u32, u32, u32)
def _mix(h: np.uint32, block: np.uint32) -> np.uint32:
    k = np.uint32(block * np.uint32(0xCC9E2D51))
    k = np.uint32((k << np.uint32(15)) | (k >> np.uint32(17)))
    return np.uint32(h ^ np.uint32(k * np.uint32(0x1B873593)))


@kernel(u32, u32)
def _turn(h: np.uint32) -> np.uint32:
    h = np.uint32((h << np.uint32(13)) | (h >> np.uint32(19)))
    return np.uint32(np.uint32(h * np.uint32(5)) + np.uint32(0xE6546B64))


@kernel(u32, u32, u32)
def _finish(h: np.uint32, length: np.uint32) -> np.uint32:
    h = np.uint32(h ^ length)
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@kernel(u32, reads(u8), u32)
def murmur3_32(data: NDArray[np.uint8], seed: int) -> np.uint32:
    h, block, n = np.uint32(seed), np.uint32(0), len(data)
    for i in range(n):
        block = np.uint32(block | (np.uint32(data[i]) << np.uint32(8 * (i & 3))))
        if i & 3 == 3:
            h = _turn(_mix(h, block))
            block = np.uint32(0)
    return _finish(_mix(h, block), np.uint32(n))


@kernel(i64, reads(u8), i64)
def _decode(data: NDArray[np.uint8], at: int) -> int:
    """The character that starts at this byte above 127."""
    lead: Any = np.int64(data[at])
    width = 2 + (lead >= 0xE0) + (lead >= 0xF0)
    code: Any = lead & (0x7F >> width)
    for i in range(1, width):
        code = code << 6 | (np.int64(data[at + i]) & 0x3F)
    return code  # type: ignore[no-any-return]  # numba's integers are sized


@kernel(i64, i64)
def _width(code: int) -> int:
    """How many bytes a character takes in UTF-8."""
    return 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)


@kernel(i64, i64)
def _encode(code: int) -> int:
    """The bytes in UTF-8 of a character above 127, the first one lowest."""
    packed, width = 0, _width(code)
    for _ in range(width - 1):
        packed = packed << 8 | 0x80 | (code & 0x3F)
        code >>= 6
    return packed << 8 | (0xF00 >> width & 0xFF) | code


@kernel(i64, reads(u8), i64, i64, reads(i32), i64, flag, writes(i32))
def _features(
    data: NDArray[np.uint8],
    at: int,
    end: int,
    letters: NDArray[np.int32],
    n_features: int,
    trusted: bool,
    out: NDArray[np.int32],
) -> int:
    """The features of data[at:end]'s tokens into out, in order; how many, or -1 if a character is too hard.

    Trusted bytes are lower-cased tokens already wherever a hard character stands.
    """
    found = 0
    while at < end:
        h, block, size, characters = np.uint32(0), np.uint32(0), 0, 0
        while at < end:
            code: Any = np.int64(data[at])
            if code > 127:
                code = _decode(data, at)
                at += _width(code)
            else:
                at += 1
            letter: Any = np.int64(letters[code]) if code < len(letters) else HARD
            if letter == HARD:
                if not trusted:
                    return -1
                letter = code
            if letter == APART:
                break
            characters += 1
            packed = letter if letter < 128 else _encode(letter)
            while packed:
                block = np.uint32(block | np.uint32((packed & 0xFF) << (8 * (size & 3))))
                packed >>= 8
                size += 1
                if size & 3 == 0:
                    h = _turn(_mix(h, block))
                    block = np.uint32(0)
        if characters > 1:
            h = _finish(_mix(h, block), np.uint32(size))
            out[found] = abs(np.int64(np.int32(h))) % n_features
            found += 1
    return found


@kernel(none, writes(i32), i64)
def _sort(array: NDArray[np.int32], n: int) -> None:
    """Shell's sort with Knuth's gaps: quick on a few, and no text makes it quadratic."""
    gap = 1
    while gap < n // 3:
        gap = gap * 3 + 1
    while gap > 0:
        for i in range(gap, n):
            item, j = array[i], i
            while j >= gap and array[j - gap] > item:
                array[j] = array[j - gap]
                j -= gap
            array[j] = item
        gap //= 3


@kernel(none, reads(u8), reads(i64), reads(i32), i64, flag, writes(i64), writes(i32), writes(f64), writes(flag))
def count_tokens(
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    letters: NDArray[np.int32],
    n_features: int,
    trusted: bool,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    counts: NDArray[np.float64],
    hard: NDArray[np.bool_],
) -> None:
    """The texts that end at these bytes as CSR counts; marks those that hold a hard character.

    letters: of each character its lower case, or APART or HARD, which all beyond the table are.
    """
    start = filled = 0
    for text in range(len(ends)):
        tokens = indices[filled:]
        found = _features(data, start, ends[text], letters, n_features, trusted, tokens)
        if found < 0:
            hard[text] = True
        _sort(tokens, found)
        last = -1
        for i in range(found):
            if tokens[i] != last:
                last = tokens[i]
                indices[filled] = last
                counts[filled] = 0.0
                filled += 1
            counts[filled - 1] += 1.0
        start = ends[text]
        indptr[text + 1] = filled
