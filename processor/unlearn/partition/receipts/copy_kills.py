"""What copies of deletions kill here is noted for the owners of the originals, in the script that kills it."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.partition.tables import Change, Tables
from unlearn.state.copies import Copy
from unlearn.state.copy_kills import FROM, HALF, SINCE, WRITTEN, write_copy_kills
from unlearn.state.keys import Keys

__all__ = ["MOST", "note_copy_kills"]

MOST = 500_000
"""Counts in one of the two hashes, at most; one batch may add more."""


def note_copy_kills(change: Change, view: Tables, keys: Keys, counts: Mapping[Copy, int], most: int = MOST) -> None:
    """Add to the change how many rows of this partition the copies of deletions have killed.

    `counts`: copy -> rows, or LATER. Once a hash has `most` counts the other one is
    emptied and written: what it held is known no more.
    """
    if not counts:
        return
    half, written = view.number(HALF), view.number(WRITTEN)
    full = bool(written) and written + len(counts) > most
    if full:
        half, written = 1 - half, 0
        change.put("meta", HALF, half)
        change.put("meta", FROM, view.number(SINCE))
        change.put("meta", SINCE, view.applied)
    change.put("meta", WRITTEN, written + len(counts))
    change.ops += write_copy_kills(keys, half, counts, anew=full)
