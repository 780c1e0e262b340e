"""Subjects that surely have an entry in Redis, so that inserts of theirs need not try to make one.

An entry is never removed, and only the owner makes any: whom a script of this claim has entered has one to the claim's
end. The last ones are remembered; whom another's place was given to is entered once more, which changes nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn.events.partitioner import DIGEST_SIZE

__all__ = ["EnteredSubjects"]

_PLACES = 1 << 16
"""One MiB of digests."""
_HALVES = DIGEST_SIZE // 8


class EnteredSubjects:
    """Of one partition under one claim. A subject has one place, by its digest, and keeps it until another needs it.

    The digest of zeros, which stands for no subject, counts as entered.
    """

    def __init__(self) -> None:
        self._places = np.zeros((_PLACES, _HALVES), np.uint64)

    def has(self, subjects: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of the subjects, digests (n, 16), surely have an entry (n,)."""
        halves = _halves(subjects)
        found: NDArray[np.bool_] = (self._places[_places(halves)] == halves).all(axis=1)
        return found

    def add(self, subjects: NDArray[np.uint8]) -> None:
        """Remember subjects, digests (n, 16), whose entries a script has made or found."""
        halves = _halves(subjects)
        self._places[_places(halves)] = halves


def _halves(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(digests).view(np.uint64)


def _places(halves: NDArray[np.uint64]) -> NDArray[np.intp]:
    return (halves[:, 0] % np.uint64(_PLACES)).astype(np.intp)
