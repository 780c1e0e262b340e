"""What comes to the events and receipts topics, for gateways: tickets, receipts and notes. One thread at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from unlearn.errors import LogDiverged, LogUnavailable
from unlearn.events.event import ORIGIN
from unlearn.gateway.requests.notes import Note, Place, read_note
from unlearn.gateway.requests.ticket import HEADER, Seal, Ticket
from unlearn.log.columns import RecordColumns
from unlearn.log.protocol import Log, Record
from unlearn.results.manifest import Receipt, read_receipt
from unlearn.settings import Settings

__all__ = ["Ends", "Topics"]

_MARK = HEADER.encode()


class Ends(NamedTuple):
    """The ends of both topics. Whatever was answered below `receipts` stands below `events`."""

    receipts: int
    events: Mapping[int, int]


class Topics:
    """The topics from their records of the time `since` on, in ms since 1970 UTC.

    Making it, and `ends`, raise LogUnavailable and TopicMissing; `ends` and reading LogDiverged.
    """

    def __init__(self, log: Log, settings: Settings, seal: Seal, since: int) -> None:
        topic, self._seal, self._log = settings.events_topic, seal, log
        self._ids = {name: log.topic_id(name) for name in (topic, settings.receipts_topic)}
        starts = {p: log.offset_at(topic, p, since) for p in range(settings.partitions)}
        self._starts = starts
        self._events = log.follow(topic, starts)
        self._receipts = log.tail(settings.receipts_topic)
        self._ahead: list[Record] = []

    def ends(self) -> Ends:
        """Where the topics end now: that of the receipts is asked first, as an event comes before its receipts.

        Raises LogDiverged where one was made again, of which the ends alone may tell nothing, or the events were cut.
        """
        for name, made in self._ids.items():
            if self._log.topic_id(name) != made:
                raise LogDiverged(f"the topic {name} was made again since this gateway began to read it: start it anew")
        receipts = self._receipts.end()
        found, positions = Ends(receipts, self._events.ends()), self._events.positions
        # Later on reading may be beyond these ends, as events go on coming.
        if any(end < positions[partition] for partition, end in found.events.items()):
            raise LogDiverged("the events topic was cut since this gateway began to read it: start it anew")
        return found

    def behind(self, ends: Ends) -> int:
        """How many offsets of the events topic are left to read to these ends."""
        positions = self._events.positions
        return sum(max(0, end - positions[partition]) for partition, end in ends.events.items())

    def size(self, ends: Ends) -> int:
        """How many offsets there were to read at the start."""
        return sum(max(0, end - self._starts[partition]) for partition, end in ends.events.items())

    def events(self, timeout: float) -> list[tuple[Ticket, Place]]:
        """The next events that came by a gateway, with their places; [] also where others came."""
        return [found for part in self._events.poll(timeout).values() for found in self._tickets(part)]

    def answered(self, ends: Ends) -> bool:
        """Whether the receipts are read to their end."""
        return self._receipts.position >= ends.receipts and not (self._ahead and self._ahead[0].offset < ends.receipts)

    def receipts(self, ends: Ends, timeout: float) -> list[Receipt | Note]:
        """The next receipts and notes up to the end. What is behind it is kept back: its events may not be read yet."""
        if self._receipts.position < ends.receipts:
            self._ahead += self._receipts.poll(timeout)
        records = [record for record in self._ahead if record.offset < ends.receipts]
        self._ahead = self._ahead[len(records) :]
        found = (read_note(record.value) or read_receipt(record.value) for record in records)
        return [one for one in found if one is not None]

    def close(self) -> None:
        """Close the connections."""
        for part in (self._events, self._receipts):
            with suppress(LogUnavailable):
                part.close()

    def _tickets(self, records: Sequence[Record]) -> Iterator[tuple[Ticket, Place]]:
        for record in _marked(records):
            headers = dict(record.headers)
            sealed = headers.get(HEADER)
            # A copy stands for the event that its sender put elsewhere.
            if sealed and record.key is not None and ORIGIN not in headers:
                ticket = self._seal.opened(sealed, record.key)
                if ticket is not None:
                    yield ticket, (record.partition, record.offset)


def _marked(records: Sequence[Record]) -> Sequence[Record]:
    """Those whose headers hold the mark; of columns, without making the other records."""
    if not isinstance(records, RecordColumns):
        return records
    if _MARK not in records.data.tobytes():
        return []
    data, spans = records.data.data, records.headers
    which = [at for at in np.flatnonzero(spans[:, 0] >= 0).tolist() if _MARK in bytes(data[slice(*spans[at])])]
    return records.records(np.array(which, np.intp))
