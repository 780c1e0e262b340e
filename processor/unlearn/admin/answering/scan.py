"""Reads a partition of the events topic for the events that a question needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from unlearn.admin.answering.question import Sought
from unlearn.errors import LogUnreadable
from unlearn.events.event import Insert, Lift, Request
from unlearn.forwarding.reread import read_but
from unlearn.log.protocol import Log, Record
from unlearn.partition.skipped import Runs
from unlearn.verification.reference import Model
from unlearn.verification.report import Progress

__all__ = ["Found", "Interval", "Scanner"]

_PROGRESS_EVERY = 1000


class Found(NamedTuple):
    """An event of the log: where it was read, where its sender put it and when (ms since 1970; None: unknown).

    `counts`: whether it is applied where it was read; else it is sent on from there.
    `told`: whether it is told of; else it is only needed for what becomes of others.
    `claimed`: whether only another model's mark says where it was put.
    """

    record: Record
    event: Insert | Request
    place: tuple[int, int]
    at: int | None
    counts: bool
    told: bool
    claimed: bool = False

    @property
    def read_at(self) -> int | None:
        """When it was written where it was read."""
        return _known(self.record.timestamp)


class Interval(NamedTuple):
    """Offsets [start, stop) of a partition, without the runs that were stepped over."""

    partition: int
    start: int
    stop: int
    skipped: Runs = ()


@dataclass(frozen=True)
class Scanner:
    """Reads the events of a model. `unread` is called with what can't be decoded."""

    log: Log
    topic: str
    model: Model
    progress: Progress
    unread: Callable[[str], None]

    def scan(self, part: Interval, sought: Sought, may: Callable[[bytes], bool], *, told: bool = True) -> list[Found]:
        """The events that are sought, in the order of offsets, and all lifts: which of them count depends on all.

        `may`: whether a message is worth reading, by its bytes; where a mapping reads other forms all are read.
        `told`: whether those sought are told of. Raises LogUnavailable, TopicMissing.
        """
        parser, forms = self.model.parser(), self.model.reading.mapping.forms
        found = []
        for record in self._records(part):
            if forms or record.value is None or may(record.value):
                event = parser.read(record)
                named = isinstance(event, Insert | Request) and sought(event)
                if isinstance(event, Lift) or (isinstance(event, Insert | Request) and named):
                    found.append(self._found(record, event, told=named and told))
        return found

    def _found(self, record: Record, event: Insert | Request, *, told: bool) -> Found:
        proved = self.model.sent_from(record.headers, claimed=False) if record.headers else None
        sent = proved or (self.model.sent_from(record.headers, claimed=True) if record.headers else None)
        counts = self.model.counts_in(record.partition, event)
        if sent is None:
            return Found(record, event, (record.partition, record.offset), _known(record.timestamp), counts, told)
        partition, offset, time = sent
        return Found(record, event, (partition, offset), _known(time), counts, told, claimed=proved is None)

    def _records(self, part: Interval) -> Iterator[Record]:
        """The part's records, up to what can't be decoded: no worker goes beyond that either."""
        what = f"partition {part.partition} of the events"
        try:
            for record in read_but(self.log, self.topic, part.partition, part.start, part.stop, part.skipped):
                if record.offset % _PROGRESS_EVERY == 0:
                    self.progress(what, record.offset, part.stop)
                yield record
        except LogUnreadable as error:
            self.unread(f"what stands from {part.partition}/{error.offset} on can't be read, and isn't told: {error}")
        self.progress(what, part.stop, part.stop)


def _known(timestamp: int) -> int | None:
    return timestamp if timestamp > 0 else None
