"""Usual inserts of records that the partition doesn't know, of subjects that were deleted before, as columns.

None becomes a row. All that is left of one is that its record is forgotten, as if it had come before the deletion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.events.partitioner import DIGEST_SIZE, tag_of
from unlearn.state.entries import forgotten
from unlearn.state.members import name_of
from unlearn.state.scripts import Op

__all__ = ["NONE_DEAD", "DeadOnArrival"]


class DeadOnArrival(NamedTuple):
    """n inserts: the digests of their records and of their dead subjects, (n, 16) uint8 each."""

    records: NDArray[np.uint8]
    subjects: NDArray[np.uint8]

    @property
    def tally(self) -> dict[str, int]:
        """How they are counted."""
        count = len(self.records)
        return {"inserts": count, "dead_on_arrival": count} if count else {}

    def entries(self) -> Iterator[Op]:
        """The commands that set the entries of their records."""
        for record, subject in zip(self.records, self.subjects, strict=True):
            yield "RECORD.SET", name_of(record.tobytes()), forgotten(tag_of(subject.tobytes()))


NONE_DEAD = DeadOnArrival(np.zeros((0, DIGEST_SIZE), np.uint8), np.zeros((0, DIGEST_SIZE), np.uint8))
