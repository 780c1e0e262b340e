"""What was read of a model at one moment, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from unlearn.admin.pending import OpenDeletion
from unlearn.admin.pending_events import Said
from unlearn.admin.status.reader import Look

__all__ = ["MOST_DELETIONS", "ScorerSaid", "Seen"]

MOST_DELETIONS = 100
"""Open deletions that are shown, those with the earliest deadline."""


class ScorerSaid(NamedTuple):
    """What a scorer says of itself. `trouble`: why it says nothing, or empty. Times in ms since 1970, None: unknown."""

    url: str
    ready: bool = False
    version: int | None = None
    lease_ends: int | None = None
    left_out: int = 0
    trouble: str = ""


class Seen(NamedTuple):
    """One reading. `at`: when, in ms since 1970.

    came     partition -> when its next record to apply came (s since 1970), as far as that was asked
    open     the first open deletions by deadline, with what the log says of each; possible ones are in the tables
    opened   how many of them there are in all
    scorers  what those say whose URLs are known
    """

    at: int
    look: Look
    came: Mapping[int, float]
    open: tuple[tuple[OpenDeletion, Said], ...]
    opened: int
    scorers: tuple[ScorerSaid, ...] = ()
