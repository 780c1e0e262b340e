"""Deletions on their way to the last word on them: pending until they are hidden, then perhaps still uncounted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["LATER", "Pending", "Uncounted"]

LATER = -1
"""What a deletion of a subject has killed as it was applied: its clean-up counts that."""


class Pending(NamedTuple):
    """A deletion, a lift, or a row's death by an update, that no manifest covers yet. Times in ms since 1970.

    What its receipts say and the log doesn't is kept here before they are sent, so that they say the same when they
    are sent again. Its last five times and numbers are None, too, in entries of an earlier release.
    """

    since: int
    deadline: int
    copies: Mapping[str, int] | None = None
    """For a delete that was copied to other partitions: partition -> offset of the copy there."""
    receipt: bool = True
    """Whether a receipt is owed: a deletion's sender gets one, an update's none. Both have a deadline."""
    accepted: int | None = None
    """When it was applied."""
    killed: int | None = None
    """Live rows that it has killed here as it was applied, or LATER. None: how many it kills in all will never be
    known."""
    records: int | None = None
    """Live rows that it has killed in all. None until its copies are applied, or its subject's clean-up is done."""
    version: int | None = None
    """The results offset of the manifest since which it is hidden; None while it isn't."""
    hidden_at: int | None = None
    """When that was seen."""
    lifts: bool = False
    """Whether it is no deletion but a lift, which is in force once manifests cover it."""

    @property
    def awaits_count(self) -> bool:
        """Whether `records` is still to come."""
        return self.records is None and self.killed is not None

    @property
    def killed_at_once(self) -> int | None:
        """`records` if it was known as the deletion was applied."""
        return None if self.copies is not None or self.killed == LATER else self.killed


class Uncounted:
    """The hidden deletions whose counts came or come later, by what each waits for; `put` keeps up with the table."""

    def __init__(self, held: Mapping[int, Pending]) -> None:
        self.counted: dict[int, Pending] = {}
        """Those whose count is known, or never will be: their last receipt is due."""
        self.copied: dict[int, Pending] = {}
        """Those that wait for what their copies have killed in other partitions."""
        self.put(held.items())

    def put(self, changed: Iterable[tuple[int, Pending | None]]) -> None:
        """Enter what has changed: (offset, deletion); None where it is done."""
        for offset, held in changed:
            self.counted.pop(offset, None)
            self.copied.pop(offset, None)
            if held is not None and not held.awaits_count:
                self.counted[offset] = held
            elif held is not None and held.copies is not None:
                self.copied[offset] = held
