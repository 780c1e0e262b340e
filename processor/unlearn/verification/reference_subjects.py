"""When whole subjects were deleted and let in again, packed, and what that means for their inserts."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

DELETION, LIFT, SO_FAR = -1, -2, -3
NEVER = 2**63 - 1
REFUSED = -1
_DIGEST = "S16"


@dataclass
class WholeSubjects:
    """The deletions and lifts of whole subjects; at one offset there is one of each."""

    subjects: bytearray = field(default_factory=bytearray)
    offsets: array[int] = field(default_factory=lambda: array("q"))
    kinds: array[int] = field(default_factory=lambda: array("b"))  # DELETION, SO_FAR or LIFT

    def add(self, subject: bytes, offset: int, kind: int) -> None:
        """Add a deletion or a lift."""
        self.subjects += subject
        self.offsets.append(offset)
        self.kinds.append(kind)

    def sorted(self) -> Stretches:
        """What they mean for inserts, by subject."""
        subjects = np.frombuffer(self.subjects, _DIGEST)
        offsets = np.asarray(self.offsets)
        order = np.lexsort((offsets, subjects))
        return Stretches(subjects[order], offsets[order], np.asarray(self.kinds)[order])


class Stretches:
    """Of each subject that was deleted, where its inserts are refused, and what ends the rows of the others."""

    def __init__(self, subjects: NDArray[np.bytes_], offsets: NDArray[np.int64], kinds: NDArray[np.int8]) -> None:
        """The three (n,), of subject after subject."""
        firsts = np.append(True, subjects[1:] != subjects[:-1])[: len(subjects)]
        self._first = np.append(np.flatnonzero(firsts), len(subjects))
        self._subjects, self._offsets = subjects[firsts], offsets
        self._refuses = np.zeros(len(subjects), np.bool_)  # whether inserts are refused behind each
        self._next = np.full(len(subjects) + 1, NEVER)  # the first deletion from each on that finds rows
        for start, end in pairwise(map(int, self._first)):
            self._read(start, end, kinds[start:end].tolist())

    def _read(self, start: int, end: int, kinds: list[int]) -> None:
        refuses, kills = False, []
        for at, kind in enumerate(kinds, start):
            kills.append(kind != LIFT and not refuses)
            refuses = kind == DELETION or (refuses and kind == SO_FAR)
            self._refuses[at] = refuses
        following = NEVER
        for at in reversed(range(start, end)):
            following = int(self._offsets[at]) if kills[at - start] else following
            self._next[at] = following

    def gone(self, subjects: NDArray[np.bytes_], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the subject of an insert at each offset is deleted next, or NEVER; REFUSED while a deletion holds."""
        found = np.full(len(subjects), NEVER)
        if len(self._subjects):
            which = np.minimum(np.searchsorted(self._subjects, subjects), len(self._subjects) - 1)
            for place in np.flatnonzero(self._subjects[which] == subjects).tolist():
                found[place] = self._gone(int(which[place]), int(offsets[place]))
        return found

    def _gone(self, which: int, offset: int) -> int:
        start, end = map(int, self._first[which : which + 2])
        at = start + bisect_right(self._offsets[start:end], offset)
        if at > start and self._refuses[at - 1]:
            return REFUSED
        return int(self._next[at]) if at < end else NEVER
