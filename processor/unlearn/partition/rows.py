"""Rows with the records and subjects that they belong to, as in slices, and which of them are dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn.partition.cleanups.covers import NEVER, Covers
from unlearn_models.base.rows import Rows

__all__ = ["NEVER", "NO_SUBJECT", "Members", "deaths"]

NO_SUBJECT = bytes(16)


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """n rows in slot order, with the digests of the records and subjects that they belong to.

    slots (n,) int64; records and subjects (n, 16) uint8; revisions (n,) int64; rows n.
    """

    slots: NDArray[np.int64]
    records: NDArray[np.uint8]
    subjects: NDArray[np.uint8]
    revisions: NDArray[np.int64]
    rows: Rows

    def __len__(self) -> int:
        return len(self.slots)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Members:
        """The rows at these positions, in the order given, or those where the mask (n,) is true."""
        if which.dtype == np.bool_ and which.all():
            return self
        return Members(
            self.slots[which], self.records[which], self.subjects[which], self.revisions[which], self.rows.take(which)
        )

    def at(self, order: NDArray[np.intp]) -> Members:
        """The rows at these positions, in the order given."""
        return Members(
            self.slots[order], self.records[order], self.subjects[order], self.revisions[order], self.rows.take(order)
        )

    def part(self, start: int, stop: int) -> Members:
        """Rows start..stop-1, which share memory with these rows."""
        cut = slice(start, stop)
        rows = self.rows.part(start, stop)
        return Members(self.slots[cut], self.records[cut], self.subjects[cut], self.revisions[cut], rows)

    @staticmethod
    def concat(parts: Sequence[Members]) -> Members:
        """The rows of all parts, one part after the other."""
        if not parts:
            return Members.empty()
        return Members(
            np.concatenate([part.slots for part in parts]),
            np.concatenate([part.records for part in parts]),
            np.concatenate([part.subjects for part in parts]),
            np.concatenate([part.revisions for part in parts]),
            Rows.concat([part.rows for part in parts]),
        )

    @staticmethod
    def empty() -> Members:
        """No rows."""
        digests = np.zeros((0, 16), np.uint8)
        return Members(np.zeros(0, np.int64), digests, digests, np.zeros(0, np.int64), Rows.empty())


def deaths(members: Members, holes: Mapping[int, int], covers: Covers) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(death of each row (n,) int64, whether only an open clean-up says so (n,) bool). NEVER stands for a live row.

    `holes` maps slots to deaths. Where both it and `covers` name a row the hole counts, as it was written first.
    """
    found = covers.find(members.subjects, members.slots)
    covered = found != NEVER
    if holes and len(members):
        slots, when = (np.fromiter(given, np.int64, len(holes)) for given in (holes, holes.values()))
        at = np.minimum(np.searchsorted(members.slots, slots), len(members) - 1)
        here = members.slots[at] == slots
        found[at[here]], covered[at[here]] = when[here], False
    return found, covered
