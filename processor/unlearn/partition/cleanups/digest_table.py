"""Numbers by digest, looked up for a column of digests at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DigestTable"]

_FIXED = np.dtype("S16")
"""Numpy takes zeros off the end of such texts, so two of 16 bytes are equal only if all 16 bytes are."""


class DigestTable:
    """A frozen copy of a mapping from digests of 16 bytes to numbers; a look-up of n digests sorts nothing.

    Texts are compared slowly and few rows are found, so the digests' first words say which rows are looked up at all.
    """

    def __init__(self, numbers: Mapping[bytes, int]) -> None:
        digests = np.frombuffer(b"".join(numbers), _FIXED)
        order = np.argsort(digests)
        self._digests = digests[order]
        self._numbers = np.fromiter(numbers.values(), np.int64, len(numbers))[order]
        self._words = np.sort(_first_words(digests))

    def __len__(self) -> int:
        return len(self._digests)

    def find(self, digests: NDArray[np.uint8], missing: int) -> NDArray[np.int64]:
        """The number (n,) int64 of each of the digests (n, 16); `missing` for those that aren't in the table."""
        found = np.full(len(digests), missing, np.int64)
        if len(self) and len(digests):
            asked = np.ascontiguousarray(digests).view(_FIXED)[:, 0]
            words = _first_words(asked)
            maybe = np.flatnonzero(self._words[_place(self._words, words)] == words)
            at = _place(self._digests, asked[maybe])
            found[maybe] = np.where(self._digests[at] == asked[maybe], self._numbers[at], missing)
        return found


def _first_words(digests: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    return digests.view(np.uint64)[::2]


def _place(rising: NDArray[Any], asked: NDArray[Any]) -> NDArray[np.intp]:
    """Where each one asked for stands, if it is there at all."""
    return np.minimum(np.searchsorted(rising, asked), len(rising) - 1)
