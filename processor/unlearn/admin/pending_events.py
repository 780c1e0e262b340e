"""What the log says of open deletions: their event ids, and what kind of thing each names; never whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from unlearn.admin.pending import LEAVING, OpenDeletion
from unlearn.events.event import Insert, Request
from unlearn.events.parsing import parser_of
from unlearn.forwarding.reread import records_at
from unlearn.learners import learner_of
from unlearn.log.protocol import Log
from unlearn.settings import Settings

__all__ = ["PendingEvents", "Said"]

_KEPT = 10_000
"""Of so many deletions what was read is kept; with more it is read anew."""
_Place = tuple[int, int]


class Said(NamedTuple):
    """What the log says of a deletion: its event id, and what kind of thing it names. None: it doesn't say."""

    event_id: str | None = None
    names: str | None = None


class PendingEvents:
    """Reads the records of open deletions again, each once: an offset's record doesn't change."""

    def __init__(self, log: Log, settings: Settings) -> None:
        self._log = log
        self._topic = settings.events_topic
        self._parser = parser_of(learner_of(settings), settings.reading)
        self._known: dict[_Place, Said | None] = {}
        """None for what reads as an insert."""

    def of(self, rows: Iterable[OpenDeletion]) -> Iterator[tuple[OpenDeletion, Said]]:
        """Each with what its record says, as far as it can be read again; what isn't sent home yet and turns out to be
        an insert is left out.

        Of a row that stands for several nothing is read. Raises LogUnavailable, TopicMissing.
        """
        rows = list(rows)
        self._read([(row.partition, row.offset) for row in rows if row.count == 1])
        for row in rows:
            said = self._known.get((row.partition, row.offset)) if row.count == 1 else Said()
            # What is open as a possible deletion may read as an insert, but for a word in another field.
            if said is not None or row.why != LEAVING:
                yield row, said or Said()

    def _read(self, places: list[_Place]) -> None:
        if len(self._known) > _KEPT:
            self._known.clear()
        wanted: dict[int, list[int]] = {}
        for partition, offset in places:
            if (partition, offset) not in self._known:
                wanted.setdefault(partition, []).append(offset)
        for partition, offsets in wanted.items():
            found = records_at(self._log, self._topic, partition, offsets)
            for offset in offsets:
                event = self._parser.taken(found[offset]) if offset in found else None
                self._known[partition, offset] = None if isinstance(event, Insert) else _said(event)


def _said(event: object) -> Said:
    return Said(event.event_id, _named(event)) if isinstance(event, Request) else Said()


def _named(event: Request) -> str:
    if event.alias is not None:
        return "whom an alias names"
    if event.record_id is None:
        return "a subject"
    return "a record of every subject" if event.subject_id is None else "a record of one subject"
