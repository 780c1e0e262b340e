"""Which rows died with their subjects, by the deletions whose clean-ups are open."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from unlearn.partition.cleanups.digest_table import DigestTable

__all__ = ["NEVER", "Covers"]

NEVER = np.iinfo(np.int64).max
"""The death of a row that lives."""


class Covers:
    """The deletions of subjects: a subject's digest -> the offsets of its deletions, one or more, rising."""

    def __init__(self, deaths: Mapping[bytes, tuple[int, ...]]) -> None:
        self._deaths = deaths
        self._first = DigestTable({digest: offsets[0] for digest, offsets in deaths.items()})

    def find(self, subjects: NDArray[np.uint8], slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """The offset of the first deletion of its subject behind each row's slot, (n,) int64; NEVER without one.

        `subjects`: digests (n, 16); `slots`: (n,).
        """
        found = self._first.find(subjects, NEVER)
        # Only a subject that was let in again has rows behind a deletion.
        for at in np.flatnonzero(found <= slots).tolist():
            offsets = self._deaths[subjects[at].tobytes()]
            found[at] = next((offset for offset in offsets if offset > slots[at]), NEVER)
        return found
