"""Deletions on their way to the last word on them: pending until they are hidden, then perhaps still uncounted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["LATER", "OpenCopy", "Pending", "Uncounted"]

LATER = -1
"""What a deletion has killed as it was applied where a subject's clean-up counts that."""


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
    cleanups: int | None = None
    """Of a deletion by alias, how many of its subjects' clean-ups are still to be added to `killed`; None if it found
    no subject with rows here."""

    @property
    def awaits_count(self) -> bool:
        """Whether `records` is still to come."""
        return self.records is None and self.killed is not None

    @property
    def killed_at_once(self) -> int | None:
        """`records` if it was known as the deletion was applied."""
        later = self.copies is not None or self.killed == LATER or self.cleanups is not None
        return None if later else self.killed

    def after_cleanup(self, killed: int | None) -> Pending:
        """The deletion once a clean-up of one of its subjects is done, by which it killed so many rows."""
        if self.cleanups is None:
            return self._replace(records=killed)
        total, left = (self.killed or 0) + (killed or 0), self.cleanups - 1
        return self._replace(killed=total, cleanups=left, records=None if left or self.copies is not None else total)


class OpenCopy(NamedTuple):
    """A copy of a deletion by alias whose subjects' rows are still being counted, for the owner of the original."""

    partition: int
    offset: int
    """With `partition` the place of the original."""
    killed: int
    """Live rows that it has killed here, as far as they are counted."""
    cleanups: int
    """How many of its subjects' clean-ups are still to be added."""

    @property
    def original(self) -> tuple[int, int]:
        """(partition, offset) of the deletion whose copy it is."""
        return self.partition, self.offset

    def after_cleanup(self, killed: int | None) -> OpenCopy:
        """As of `Pending`."""
        return self._replace(killed=self.killed + (killed or 0), cleanups=self.cleanups - 1)


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
            elif held is not None and held.copies is not None and not held.cleanups:
                self.copied[offset] = held
