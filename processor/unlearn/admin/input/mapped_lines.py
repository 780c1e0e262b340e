"""What the lines of a file would become by a mapping, one after the other, and how often its paths find something."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from unlearn.admin.input.lines import MAX_LINE
from unlearn.admin.input.message_lines import NOWHERE, message_of
from unlearn.errors import InputInvalid
from unlearn.events.event import BadInsert, Empty, Parsed, Unreadable
from unlearn.events.mapped.tally import Tally, never_found
from unlearn.events.parsing import Parser
from unlearn.ingest.tombstones import Followers
from unlearn.log.protocol import Record

__all__ = ["BAD", "Became", "MappedLines"]

BAD: Final = frozenset(("refused", "open", "no message"))
"""Kinds of lines that are no event."""
_SOMEWHERE: Final = "place:PARTITION/OFFSET"
_REMEMBERED: Final = 1000
"""Messages behind which a null may follow its deletion."""


class Became(NamedTuple):
    """What a line is. `kind`: a type of events, `nothing` for an empty offset, or one of `BAD`, then with a `reason`;
    `event`: the fields of the event."""

    number: int
    kind: str
    reason: str = ""
    event: Mapping[str, Any] | None = None


class MappedLines:
    """Reads lines as a worker would read messages that stand one behind the other."""

    def __init__(self, parser: Parser, *, tombstones_follow: bool) -> None:
        self.kinds: Counter[str] = Counter()
        self._parser, self._tally = parser, Tally()
        self._followers = Followers(None, "", parser) if tombstones_follow else None
        self._behind: deque[tuple[Record, Parsed]] = deque(maxlen=_REMEMBERED)

    @property
    def never_found(self) -> dict[str, int]:
        """Path of the mapping that found nothing in any line -> how many messages should have had it."""
        return never_found(self._tally)

    def read(self, lines: Iterable[bytes]) -> Iterator[Became]:
        """What each line becomes, numbered from 1; blank ones are passed over."""
        for number, line in enumerate(lines, 1):
            if value := line.strip():
                became = self._became(number, value)
                self.kinds[became.kind] += 1
                yield became

    def _became(self, number: int, line: bytes) -> Became:
        if len(line) > MAX_LINE:
            return Became(number, "refused", f"more than {MAX_LINE} bytes")
        try:
            record = message_of(line, number, round(time.time() * 1000))
        except InputInvalid as error:
            return Became(number, "no message", str(error))
        found = self._parsed(record)
        match found:
            case Empty():
                return Became(number, "nothing")
            case BadInsert(reason):
                return Became(number, "refused", reason)
            case Unreadable(reason):
                return Became(number, "open", reason)
        fields = found.model_dump(mode="json", exclude_none=True)
        if fields.get("event_id") == f"place:{NOWHERE}/{number}":
            fields["event_id"] = _SOMEWHERE
        return Became(number, found.type, event=fields)

    def _parsed(self, record: Record) -> Parsed:
        found = self._parser.read(record, self._tally)
        if self._followers is not None:
            self._behind.append((record, found))
            if isinstance(found, Unreadable) and record.value is None:
                records, events = zip(*self._behind, strict=True)
                found = self._followers.settled(records, events)[-1]
        return found
