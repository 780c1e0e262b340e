"""Whether lines are events that a worker would take, and the Kafka key of each that is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unlearn.admin.input.lines import MAX_LINE
from unlearn.events.event import BadInsert, Delete, Empty, Insert, Lift, Parsed, Seal, Unreadable
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import event_key
from unlearn.events.usual_inserts import NOT_TAKEN, UsualInsertScanner

__all__ = ["Checked", "LineChecker"]

_USUAL = "insert"


class Checked(NamedTuple):
    """What n lines are.

    `kinds`: of each the event's type, empty of one that is refused.
    `keys`: of each the event's key, None of a seal, which belongs to every partition.
    `refused`: place of a line -> why it is no event, in order; none of the line stands in it.
    """

    kinds: list[str]
    keys: list[bytes | None]
    refused: dict[int, str]


class LineChecker:
    """Judges by the parser, and passes the usual inserts on sight: those that the scanner takes."""

    def __init__(self, parser: Parser, scanner: UsualInsertScanner | None) -> None:
        """Without a scanner every line is parsed."""
        self._parser, self._scanner = parser, scanner

    def check(self, lines: Sequence[bytes]) -> Checked:
        """What the lines are, without blanks around them; none is empty."""
        if self._scanner is None:
            found = Checked([_USUAL] * len(lines), [None] * len(lines), {})
            for place, line in enumerate(lines):
                self._judge(place, line, found)
            return found
        data = b"".join(lines)
        sizes = np.fromiter(map(len, lines), np.int64, len(lines))
        ends = np.cumsum(sizes)
        scanned = self._scanner.scan(np.frombuffer(data, np.uint8), np.column_stack((ends - sizes, ends)))
        # Columns of numbers, as a list for each line would be the collector's work.
        starts, stops = np.where(scanned.subjects >= 0, scanned.subjects, scanned.records).T.tolist()
        keys: list[bytes | None] = [data[start:stop] for start, stop in zip(starts, stops, strict=True)]
        found = Checked([_USUAL] * len(lines), keys, {})
        for place in np.flatnonzero((scanned.kinds == NOT_TAKEN) | (sizes > MAX_LINE)).tolist():
            self._judge(place, lines[place], found)
        return found

    def becomes(self, line: bytes) -> Parsed:
        """What a worker would make of a message with this value, without key and headers."""
        return self._parser.parse(line, at=round(time.time() * 1000)) if len(line) <= MAX_LINE else _TOO_LONG

    def _judge(self, place: int, line: bytes, found: Checked) -> None:
        """Find out what the line at this place is."""
        event = self.becomes(line)
        match event:
            case BadInsert(reason=reason) | Unreadable(reason=reason):
                found.kinds[place], found.refused[place] = "", reason
            case Insert() | Delete() | Lift() | Seal():
                found.kinds[place], found.keys[place] = event.type, event_key(event)
            case Empty():
                found.kinds[place], found.refused[place] = "", "empty"


_TOO_LONG = BadInsert(f"more than {MAX_LINE} bytes")
