"""Which records are copies that another model on the topic has sent on, judged by what the log itself shows.

Such a copy bears an origin whose authentication code only its sender can check. It is believed if the record that it
names stands in the log with the same key and value: every model reads that one, so the copy needs no further copies.
Any other is treated as if it had no origin, and sent on: at worst the event is sent twice.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from unlearn.errors import UnlearnError
from unlearn.events.event import ORIGIN
from unlearn.events.marks import read_marks
from unlearn.events.partitioner import read_origin
from unlearn.forwarding.reread import content_of, runs
from unlearn.log.protocol import Log, Record

__all__ = ["Origins"]

_log = logging.getLogger(__name__)
_MOST_READS = 64
_LONGEST_READ = 50_000
"""Offsets in one read. True copies lie close together; an origin that needs more reading was made up."""
_KEPT = 50_000
"""Originals that are remembered, since their copies on other partitions come later."""

Place = tuple[int, int]
"""(partition, offset)."""


class _Original(NamedTuple):
    """What is remembered of a record to compare a copy with it; `marked`: it bears an origin itself."""

    content: int
    timestamp: int
    marked: bool


class Origins:
    """Finds the originals that copies name, in the log. `model` and `secret` tell our own copies from others'."""

    def __init__(self, log: Log, topic: str, model: str, secret: bytes) -> None:
        self._log = log
        self._topic = topic
        self._model, self._secret = model, secret
        self._kept: OrderedDict[Place, _Original] = OrderedDict()

    def copies(self, records: Sequence[Record]) -> dict[int, Place]:
        """Offset -> place of the original, of those `records`, all of one partition, that are other models' copies of
        a record in the log.

        Records without an origin are remembered, since their copies may come later. Where the log can't be read, no
        record counts as a copy; nothing is raised.
        """
        named = {record.offset: self._places(record) for record in records if record.headers}
        for record in records:
            if not named.get(record.offset):
                self._keep(record)
        lacking = {place for places in named.values() for place in places if place not in self._kept}
        if lacking:
            try:
                self._look_up(lacking)
            except UnlearnError as error:
                _log.warning("originals can't be looked up, so their copies are sent on: %s", error)
        found: dict[int, Place] = {}
        for record in records:
            originals = [place for place in named.get(record.offset, ()) if self._is_copy(record, place)]
            if originals:
                # Of a copy of a copy the marks name both. The original is the one that bears none.
                found[record.offset] = min(originals, key=lambda place: self._kept[place].marked)
        return found

    def _places(self, record: Record) -> list[Place]:
        """The places (partition, offset) of the original, as origins written by other models name them."""
        ours = read_origin(self._secret, self._model, record.headers) is not None
        marks = [mark for mark in read_marks(record.headers) if not (ours and mark.model == self._model)]
        return [(mark.partition, mark.offset) for mark in marks]

    def _is_copy(self, record: Record, place: Place) -> bool:
        original = self._kept.get(place)
        here = record.partition, record.offset
        if original is None or place == here or original.content != content_of(record):
            return False
        # An original with an origin must be the earlier: else two could name each other, and neither would be sent on.
        earlier = (original.timestamp, *place) < (record.timestamp, *here)
        return earlier or not original.marked

    def _look_up(self, places: Collection[Place]) -> None:
        bounds = self._log.bounds(self._topic)
        for partition, first, last in islice(_reads(places, bounds), _MOST_READS):
            wanted = {offset for at, offset in places if at == partition}
            for record in self._log.read(self._topic, partition, first, last + 1):
                if record.offset in wanted:
                    self._keep(record)

    def _keep(self, record: Record) -> None:
        marked = any(name == ORIGIN for name, _ in record.headers)
        self._kept[record.partition, record.offset] = _Original(content_of(record), record.timestamp, marked)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _reads(places: Collection[Place], bounds: Mapping[int, tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """The reads (partition, first, last) that cover those places that the log still holds, near ones in one read."""
    by_partition: dict[int, list[int]] = {}
    for partition, offset in sorted(places):
        start, end = bounds.get(partition, (0, 0))
        if start <= offset < end:
            by_partition.setdefault(partition, []).append(offset)
    for partition, offsets in by_partition.items():
        for first, last in runs(offsets):
            yield partition, first, min(last, first + _LONGEST_READ)
