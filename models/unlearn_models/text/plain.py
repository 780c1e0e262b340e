"""Texts to counts without compiled code: the same arrays as the kernels give, for texts in valid UTF-8."""

from __future__ import annotations

import re
import struct
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.text.signs import APART, CASED, DOTTED_I, FINAL, HARD, IGNORABLE, SIGMA, SMALL

__all__ = ["count_tokens", "murmur3_32"]

_BITS = 0xFFFFFFFF
_ASCII_TOKENS = re.compile(r"[0-9a-z_]{2,}")
_TOKENS = re.compile(r"[^ ]{2,}")
_SIGMA = re.compile(chr(SIGMA))


def murmur3_32(data: NDArray[np.uint8], seed: int) -> int:
    """As the kernel: MurmurHash3_x86_32 of the bytes."""
    return _murmur3(data.tobytes(), seed)


def _murmur3(data: bytes, seed: int = 0) -> int:
    size = len(data)
    h = seed
    for block in struct.unpack_from(f"<{size // 4}I", data):
        k = block * 0xCC9E2D51 & _BITS
        h ^= (k << 15 | k >> 17) * 0x1B873593 & _BITS
        h = ((h << 13 | h >> 19) * 5 + 0xE6546B64) & _BITS
    k = int.from_bytes(data[size & ~3 :], "little") * 0xCC9E2D51 & _BITS
    h ^= ((k << 15 | k >> 17) * 0x1B873593 & _BITS) ^ size
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _BITS
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _BITS
    return h ^ (h >> 16)


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
    """As the kernel: the CSR counts of the texts into indptr, indices and counts."""
    joined, letters, features = data.tobytes(), _Letters(lower), _Features(n_features)
    found: list[int] = []
    times: list[int] = []
    for row, (start, stop) in enumerate(texts.tolist(), 1):
        text = joined[start:stop].decode("utf-8", "surrogatepass")
        if text.isascii():
            tokens = _ASCII_TOKENS.findall(text.lower())
        else:
            tokens = _TOKENS.findall(_with_sigmas_lowered(text, cases).translate(letters))
        tally = Counter(map(features.__getitem__, tokens))
        ascending = sorted(tally)
        found += ascending
        times += map(tally.__getitem__, ascending)
        indptr[row] = len(found)
    indices[: len(found)], counts[: len(found)] = found, times


class _Features(dict[str, int]):
    """The feature of each token, hashed once."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self._n_features = n_features

    def __missing__(self, token: str) -> int:
        h = _murmur3(token.encode())
        self[token] = feature = abs(h - (h >> 31 << 32)) % self._n_features
        return feature


class _Letters(dict[int, str]):
    """What `str.translate` puts in a character's place: its lower case, or a blank where it is no word character."""

    def __init__(self, lower: NDArray[np.int32]) -> None:
        super().__init__()
        self._lower = lower

    def __missing__(self, code: int) -> str:
        letter: Any = int(self._lower[code]) if code < len(self._lower) else APART
        # A dotted I is lowered to an i and a dot above, which ends the token.
        self[code] = found = {APART: " ", HARD: f"{chr(DOTTED_I)} "}.get(letter) or chr(letter)
        return found


def _with_sigmas_lowered(text: str, cases: NDArray[np.uint8]) -> str:
    return _SIGMA.sub(lambda match: chr(_sigma(text, match.start(), cases)), text)


def _sigma(text: str, at: int, cases: NDArray[np.uint8]) -> int:
    """The lower case of the capital sigma at this place (Unicode's condition Final_Sigma)."""
    if _first_case(text, range(at - 1, -1, -1), cases) != CASED:
        return SMALL
    return SMALL if _first_case(text, range(at + 1, len(text)), cases) == CASED else FINAL


def _first_case(text: str, places: range, cases: NDArray[np.uint8]) -> int:
    """The case of the first letter at these places that isn't case-ignorable; IGNORABLE if there is none."""
    for place in places:
        code = ord(text[place])
        case = int(cases[code]) if code < len(cases) else 0
        if case != IGNORABLE:
            return case
    return IGNORABLE
