"""Nulls that follow a deletion with the same key, by a mapping that says so: they are its tombstone, and nothing more.

Whether one does is asked of the log alone, so that each reader of it says the same: the last record before it with the
key that isn't null is a deletion, and stands close. Where the log can't be asked, the null stays open, and loses
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from unlearn.errors import UnlearnError
from unlearn.events.event import Delete, Empty, Parsed, Unreadable
from unlearn.events.mapped.translation import TOMBSTONE
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Log, Record

__all__ = ["Followers"]

_log = logging.getLogger(__name__)
_NEAR = 1000
"""Offsets before a null in which its deletion is looked for; who writes both writes them one behind the other."""

_OPEN: Final = Unreadable(TOMBSTONE)


class Followers:
    """Settles the nulls of one model's events topic, or with no log of records that nothing stands before."""

    def __init__(self, log: Log | None, topic: str, parser: Parser) -> None:
        self._log, self._topic, self._parser = log, topic, parser

    def settled(self, records: Sequence[Record], events: Sequence[Parsed]) -> list[Parsed]:
        """The events of records, in the order of their offsets, with an empty one for each null that follows a
        deletion of its key."""
        last: dict[bytes | None, Record] = {}
        earlier: dict[bytes | None, Record] | None = None
        found: list[Parsed] = []
        for record, event in zip(records, events, strict=True):
            if record.value is not None:
                last[record.key] = record
            elif event == _OPEN:
                if record.key not in last and earlier is None:
                    earlier = self._before(records[0])
                before = last.get(record.key) or (earlier or {}).get(record.key)
                if before is not None and self._is_deleted_by(record, before):
                    found.append(Empty())
                    continue
            found.append(event)
        return found

    def _is_deleted_by(self, null: Record, before: Record) -> bool:
        return before.offset >= null.offset - _NEAR and isinstance(self._parser.read(before), Delete)

    def _before(self, first: Record) -> dict[bytes | None, Record]:
        """The last record of each key in the log close before the first of a batch, nulls left out."""
        if self._log is None:
            return {}
        try:
            start = max(self._log.bounds(self._topic)[first.partition][0], first.offset - _NEAR)
            read = self._log.read(self._topic, first.partition, start, first.offset) if start < first.offset else ()
            return {record.key: record for record in read if record.value is not None}
        except UnlearnError as error:
            place = f"{first.partition}/{first.offset}"
            _log.warning("what stands before %s can't be read, so nulls there stay open: %s", place, error)
            return {}
