"""Usual inserts of records that the partition doesn't know, as columns from the message to the slice file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn.events.addresses import Addresses
from unlearn.events.contents import NO_CONTENTS, Contents
from unlearn.events.partitioner import CONTENT_SIZE, DIGEST_SIZE
from unlearn.kernels.new_members import MOST_BYTES, pack_records, pack_subjects
from unlearn.kernels.occurrences import first_occurrences
from unlearn.partition.ledger import Columns
from unlearn.partition.rows import Members

__all__ = ["NO_ROWS", "NewRows", "first_of_each"]


@dataclass(frozen=True, slots=True, eq=False)
class NewRows:
    """n inserts at home, in the order of their slots (n,) int64, with their addresses and what they hold.

    `owned` (n,) bool: whether each has a subject; `revisions` (n,) int64.
    """

    slots: NDArray[np.int64]
    owned: NDArray[np.bool_]
    revisions: NDArray[np.int64]
    addresses: Addresses
    contents: Contents

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def columns(self) -> Columns:
        """What the ledger counts of them."""
        return Columns(self.slots, self.addresses.shards)

    def take(self, which: NDArray[np.bool_]) -> NewRows:
        """Those where the mask (n,) is true."""
        if which.all():
            return self
        columns = self.slots[which], self.owned[which], self.revisions[which]
        return NewRows(*columns, self.addresses.take(which), self.contents.take(which))

    def members(self, n_features: int) -> Members:
        """The rows as they are kept until their slice is registered. `n_features` is the width for hashing texts."""
        rows = self.contents.rows(n_features)
        return Members(self.slots, self.addresses.records, self.addresses.subjects, self.revisions, rows)

    @property
    def first(self) -> NDArray[np.bool_]:
        """Whether each is the first of these rows that has its subject (n,)."""
        first: NDArray[np.bool_] = first_of_each(self.addresses.subjects) == np.arange(len(self))
        return self.owned & first

    def packed(self, entered: NDArray[np.bool_]) -> bytes:
        """The entries of the records, and the subjects that may be new, as `state.members.pack_members` packs them.

        `entered` (n,): whether each row's subject surely has an entry.
        """
        if not len(self):
            return b""
        return len(self).to_bytes(4, "little") + self._records() + self._subjects(self.first & ~entered)

    def _records(self) -> bytes:
        out = np.empty(MOST_BYTES * len(self), np.uint8)
        at = self.addresses
        size = pack_records(at.records, at.subjects, self.owned, at.contents, self.slots, self.revisions, out)
        return out[:size].tobytes()

    def _subjects(self, which: NDArray[np.bool_]) -> bytes:
        slots = self.slots[which]
        out = np.empty(MOST_BYTES * len(slots), np.uint8)
        return out[: pack_subjects(self.addresses.subjects[which], slots, out)].tobytes()


NO_ROWS = NewRows(
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    np.zeros(0, np.int64),
    Addresses(
        np.zeros((0, DIGEST_SIZE), np.uint8),
        np.zeros((0, DIGEST_SIZE), np.uint8),
        np.zeros((0, CONTENT_SIZE), np.uint8),
        np.zeros(0, np.int32),
    ),
    NO_CONTENTS,
)


def first_of_each(digests: NDArray[np.uint8]) -> NDArray[np.int32]:
    """For each of the digests (n, 16) the row where it occurs first, (n,) int32."""
    table = np.full(1 << (2 * len(digests) + 1).bit_length(), -1, np.int32)
    first = np.empty(len(digests), np.int32)
    first_occurrences(digests, table, first)
    return first
