"""Usual inserts of records that the partition doesn't know, of subjects that were deleted before, as columns.

None becomes a row. All that is left of one is that its record is forgotten, as if it had come before the deletion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.events.partitioner import DIGEST_SIZE, TAG
from unlearn.state.entries import ALONE, forgotten
from unlearn.state.members import pack_entries

__all__ = ["NO_ARRIVALS", "DeadArrivals"]


class DeadArrivals(NamedTuple):
    """n inserts: the digests of their records and of their dead subjects, (n, 16) uint8 each."""

    records: NDArray[np.uint8]
    subjects: NDArray[np.uint8]

    @property
    def tally(self) -> dict[str, int]:
        """How they are counted."""
        count = len(self.records)
        return {"inserts": count, "dead_on_arrival": count} if count else {}

    def in_front_of(self, members: bytes) -> bytes:
        """Packed members, with the entries of these records in front."""
        if not len(self.records):
            return members
        head = np.frombuffer(forgotten(ALONE), np.uint8)
        entries = np.concatenate([np.tile(head, (len(self.records), 1)), self.subjects[:, TAG]], axis=1)
        return pack_entries(self.records, entries, members)


NO_ARRIVALS = DeadArrivals(np.zeros((0, DIGEST_SIZE), np.uint8), np.zeros((0, DIGEST_SIZE), np.uint8))
