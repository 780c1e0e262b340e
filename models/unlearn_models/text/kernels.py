"""The compiled part of hashing texts: UTF-8 to tokens, MurmurHash3, sorted counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, i32, i64, kernel, none, reads, u8, u32, writes
from unlearn_models.text import plain
from unlearn_models.text.signs import APART, CASED, DOTTED_I, FINAL, HARD, IGNORABLE, SIGMA, SMALL


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


@kernel(u32, reads(u8), u32, plain=plain.murmur3_32)
def murmur3_32(data: NDArray[np.uint8], seed: int) -> np.uint32:
    """Kernel: MurmurHash3_x86_32 of the bytes (Austin Appleby, public domain)."""
    h, block, n = np.uint32(seed), np.uint32(0), len(data)
    for i in range(n):
        block = np.uint32(block | (np.uint32(data[i]) << np.uint32(8 * (i & 3))))
        if i & 3 == 3:
            h = _turn(_mix(h, block))
            block = np.uint32(0)
    return _finish(_mix(h, block), np.uint32(n))


@kernel(i64, reads(u8), i64)
def _decode(data: NDArray[np.uint8], at: int) -> int:
    """The code point of the character that starts at this byte, which is above 127."""
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
    """The UTF-8 bytes of a code point above 127, as one number with the first byte lowest."""
    packed, width = 0, _width(code)
    for _ in range(width - 1):
        packed = packed << 8 | 0x80 | (code & 0x3F)
        code >>= 6
    return packed << 8 | (0xF00 >> width & 0xFF) | code


@kernel(i64, reads(u8), i64)
def _read(data: NDArray[np.uint8], at: int) -> int:
    """The code point of the character that starts at this byte."""
    code: Any = np.int64(data[at])
    return code if code < 0x80 else _decode(data, at)


@kernel(i64, reads(u8), i64, i64, i64, reads(u8))
def _sigma(data: NDArray[np.uint8], start: int, at: int, end: int, cases: NDArray[np.uint8]) -> int:
    """The lower case of the capital sigma at this byte of the text data[start:end] (Unicode's condition Final_Sigma).

    It is final behind a cased letter unless one follows; case-ignorable characters between are skipped.
    """
    case: Any = IGNORABLE
    before = at
    while case == IGNORABLE and before > start:
        before -= 1
        while data[before] & 0xC0 == 0x80:
            before -= 1
        code = _read(data, before)
        case = np.int64(cases[code]) if code < len(cases) else 0
    if case != CASED:
        return SMALL
    case, at = IGNORABLE, at + 2
    while case == IGNORABLE and at < end:
        code = _read(data, at)
        at += _width(code)
        case = np.int64(cases[code]) if code < len(cases) else 0
    return SMALL if case == CASED else FINAL


@kernel(i64, reads(u8), i64, i64, reads(i32), reads(u8), i64, writes(i32))
def _features(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    lower: NDArray[np.int32],
    cases: NDArray[np.uint8],
    n_features: int,
    out: NDArray[np.int32],
) -> int:
    """Write the features of data[start:end]'s tokens into out, in order; returns how many."""
    found, at = 0, start
    while at < end:
        h, block, size, characters = np.uint32(0), np.uint32(0), 0, 0
        until = end
        while at < until:
            here = at
            code: Any = np.int64(data[at])
            if code > 127:
                code = _decode(data, at)
                at += _width(code)
            else:
                at += 1
            letter: Any = np.int64(lower[code]) if code < len(lower) else APART
            if letter == HARD:
                if code == SIGMA:
                    letter = _sigma(data, start, here, end, cases)
                else:  # a dotted I is lowered to an i and a dot above, which is no word character
                    letter, until = DOTTED_I, at
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
    """Sort array[:n] by Shell's sort with Knuth's gaps: quick on a few, and no text makes it quadratic."""
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


@kernel(
    none,
    *(reads(u8), reads(i64, 2), reads(i32), reads(u8), i64, writes(i64), writes(i32), writes(f64)),
    plain=plain.count_tokens,
)
def count_tokens(
    data: NDArray[np.uint8],
    texts: NDArray[np.int64],
    lower: NDArray[np.int32],
    cases: NDArray[np.uint8],
    n_features: int,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    counts: NDArray[np.float64],
) -> None:
    """Kernel: the CSR counts of the texts, spans (start, stop) of `data`, into indptr, indices and counts.

    lower (int32): of each character its lower case, or APART or HARD; cases (uint8): CASED, IGNORABLE or 0.  Characters
    beyond the tables are APART and have no case.
    """
    filled = 0
    for text in range(len(texts)):
        tokens = indices[filled:]
        found = _features(data, texts[text, 0], texts[text, 1], lower, cases, n_features, tokens)
        _sort(tokens, found)
        last = -1
        for i in range(found):
            if tokens[i] != last:
                last = tokens[i]
                indices[filled] = last
                counts[filled] = 0.0
                filled += 1
            counts[filled - 1] += 1.0
        indptr[text + 1] = filled
