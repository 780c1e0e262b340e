"""Numbers by digest, looked up for a column of digests at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["DigestTable"]

_FIXED = np.dtype("S16")
"""Numpy takes zeros off the end of such texts, so two of 16 bytes are equal only if all 16 bytes are."""


class DigestTable:
    """A frozen copy of a mapping from digests of 16 bytes to numbers; a look-up of n digests sorts nothing."""

    def __init__(self, numbers: Mapping[bytes, int]) -> None:
        digests = np.frombuffer(b"".join(numbers), _FIXED)
        order = np.argsort(digests)
        self._digests = digests[order]
        self._numbers = np.fromiter(numbers.values(), np.int64, len(numbers))[order]

    def __len__(self) -> int:
        return len(self._digests)

    def find(self, digests: NDArray[np.uint8], missing: int) -> NDArray[np.int64]:
        """The number (n,) int64 of each of the digests (n, 16); `missing` for those that aren't in the table."""
        if not len(self) or not len(digests):
            return np.full(len(digests), missing, np.int64)
        asked = np.ascontiguousarray(digests).view(_FIXED)[:, 0]
        at = np.minimum(np.searchsorted(self._digests, asked), len(self) - 1)
        return np.where(self._digests[at] == asked, self._numbers[at], missing)
