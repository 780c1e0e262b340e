"""Which events the log itself shows to be copies that another model on the topic has sent on.

Such a copy bears a mark that only its sender can check. It is believed if the record that it names stands in the
log with the same key and value: that one is read by every model, so its copies need no further copies. Everything
else is treated as if it had no mark, and sent on, which at worst is sent twice.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from unlearn.errors import UnlearnError
from unlearn.events.event import ORIGIN
from unlearn.events.partitioner import read_marks, read_origin
from unlearn.ingest.reread import content_of, runs
from unlearn.log.protocol import Log, Record

__all__ = ["Origins"]

_log = logging.getLogger(__name__)
_MOST_READS = 64
_LONGEST_READ = 50_000
"""Offsets. A batch of true copies needs one short read of each partition; more than that is a forger's."""
_KEPT = 50_000
"""Originals that are remembered: their other copies come in other partitions."""

Place = tuple[int, int]
"""(partition, offset)."""


class _Original(NamedTuple):
    """What is kept of a record: enough to compare a copy with."""

    content: int
    timestamp: int
    marked: bool


class Origins:
    """Looks up originals in the log, by the batch. `model` and `secret` tell our own marks."""

    def __init__(self, log: Log, topic: str, model: str, secret: bytes) -> None:
        self._log = log
        self._topic = topic
        self._model, self._secret = model, secret
        self._kept: OrderedDict[Place, _Original] = OrderedDict()

    def copies(self, records: Sequence[Record]) -> set[int]:
        """Offsets of those of one partition's records that are others' copies of a record in the log. Never raises.

        Those without a mark are remembered as originals, whose copies come later.
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
        return {r.offset for r in records if any(self._is_copy(r, place) for place in named.get(r.offset, ()))}

    def _places(self, record: Record) -> list[Place]:
        """Where others' marks say that the record stood first."""
        ours = read_origin(self._secret, self._model, record.headers) is not None
        marks = [mark for mark in read_marks(record.headers) if not (ours and mark.model == self._model)]
        return [(mark.partition, mark.offset) for mark in marks]

    def _is_copy(self, record: Record, place: Place) -> bool:
        original = self._kept.get(place)
        here = record.partition, record.offset
        if original is None or place == here or original.content != content_of(record):
            return False
        # An original that is marked itself must come before: so two can't name each other, and be sent on by nobody.
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
    """(partition, first, last) of what the log has of the places, near ones together."""
    by_partition: dict[int, list[int]] = {}
    for partition, offset in sorted(places):
        start, end = bounds.get(partition, (0, 0))
        if start <= offset < end:
            by_partition.setdefault(partition, []).append(offset)
    for partition, offsets in by_partition.items():
        for first, last in runs(offsets):
            yield partition, first, min(last, first + _LONGEST_READ)
