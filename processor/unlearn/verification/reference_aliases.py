"""Whom aliases name and when they were deleted, packed, and which deletions of subjects and records follow."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

BORNE, DELETED, LIFTED = 0, 1, 2
_NOBODY = bytes(16)
_Owner = tuple[bytes, bytes]  # the digests of a record without a subject, or of a subject; b"" for the other


@dataclass
class Aliases:
    """The inserts that bear an alias, and the deletions and lifts that name one, in the order of their offsets."""

    aliases: bytearray = field(default_factory=bytearray)
    owners: bytearray = field(default_factory=bytearray)
    of_subjects: array[int] = field(default_factory=lambda: array("b"))  # whether the owner is a subject
    offsets: array[int] = field(default_factory=lambda: array("q"))
    kinds: array[int] = field(default_factory=lambda: array("b"))

    def bear(self, offset: int, alias: bytes, record: bytes, subject: bytes) -> None:
        """Add that an insert bears the alias; `subject` is empty where it has none."""
        self._add(offset, alias, BORNE, subject or record, of_subject=bool(subject))

    def name(self, offset: int, alias: bytes, *, deletes: bool) -> None:
        """Add a deletion or a lift that names the alias."""
        self._add(offset, alias, DELETED if deletes else LIFTED, _NOBODY, of_subject=False)

    def deletions(self) -> list[tuple[int, bytes, bytes]]:
        """(offset, record, subject) of each deletion that follows, of a subject or of a record without one."""
        # In the order of offsets: the deletions of one subject are told from each other by it.
        return sorted({(offset, *owner) for offset, owner in self._followed()})

    def _followed(self) -> Iterator[tuple[int, _Owner]]:
        aliases = np.frombuffer(self.aliases, "S16")
        order = np.argsort(aliases, kind="stable").tolist()
        for _, of_alias in groupby(order, key=lambda at: bytes(self.aliases[16 * at : 16 * at + 16])):
            named: dict[_Owner, None] = {}
            deleted = False
            for at in of_alias:
                if self.kinds[at] == BORNE:
                    named[self._owner(at)] = None
                    fresh = [self._owner(at)] if deleted else []
                else:
                    deleted = self.kinds[at] == DELETED
                    fresh = list(named) if deleted else []
                yield from ((self.offsets[at], owner) for owner in fresh)

    def _owner(self, at: int) -> _Owner:
        digest = bytes(self.owners[16 * at : 16 * at + 16])
        return (b"", digest) if self.of_subjects[at] else (digest, b"")

    def _add(self, offset: int, alias: bytes, kind: int, owner: bytes, *, of_subject: bool) -> None:
        self.aliases += alias
        self.owners += owner
        self.of_subjects.append(of_subject)
        self.offsets.append(offset)
        self.kinds.append(kind)
