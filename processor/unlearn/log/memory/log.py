"""A log inside this process. It keeps the protocol without lag: what is sent is there at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

from unlearn.errors import LogUnreadable
from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.memory.producer import MemoryProducer
from unlearn.log.memory.reader import MemoryReader
from unlearn.log.memory.tails import MemoryFollower, MemoryTail
from unlearn.log.memory.topics import Topics, wall_clock
from unlearn.log.protocol import Record

__all__ = ["READ_CHUNK", "MemoryLog"]

READ_CHUNK = 2000


class MemoryLog(Topics):
    """A log in memory; safe to use from several threads. `clock` gives the LogAppendTime in ms since 1970."""

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        super().__init__(clock)
        self._cluster = uuid.uuid4().hex

    def cluster_id(self) -> str:
        return self._cluster

    def brokers(self) -> int:
        return 1

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        for found in self._read(topic, partition, start, stop):
            yield from found

    def read_columns(self, topic: str, partition: int, start: int, stop: int) -> Iterator[RecordColumns]:
        return (columns_of(partition, found) for found in self._read(topic, partition, start, stop))

    def _read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Sequence[Record]]:
        with self.changed:
            stop = min(stop, self.partition(topic, partition).end)
        while start < stop:
            with self.changed:
                place = self.partition(topic, partition)
                spoilt = place.spoilt_from(start)
                found = place.slice(start, min(stop, spoilt.start) if spoilt else stop, READ_CHUNK)
            if not found and spoilt and max(start, spoilt.start) < stop:
                raise LogUnreadable(f"{topic}/{partition}: {spoilt.reason}", max(start, spoilt.start))
            if found:
                yield found
            start = found[-1].offset + 1 if found else stop

    def reader(self, topic: str, group: str, *, columns: bool = False) -> MemoryReader:
        self._topic(topic)
        return MemoryReader(self, topic, group, columns=columns)

    def tail(self, topic: str) -> MemoryTail:
        return MemoryTail(self, topic)

    def follow(self, topic: str, starts: Mapping[int, int]) -> MemoryFollower:
        return MemoryFollower(self, topic, starts)

    def producer(self) -> MemoryProducer:
        return MemoryProducer(self)

    def close(self) -> None:
        """Does nothing: readers, tails and producers can still be used."""
