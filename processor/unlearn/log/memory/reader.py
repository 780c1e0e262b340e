"""A reader of a log in memory."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.errors import LogUnavailable, TopicMissing
from unlearn.log.columns import columns_of
from unlearn.log.memory.partition import Partition
from unlearn.log.memory.topics import Topics
from unlearn.log.protocol import Batch, Polled, Unreadable

__all__ = ["MemoryReader"]


class MemoryReader:
    """A member of a group, which it joins when made. It learns of a rebalance only when it polls."""

    def __init__(self, log: Topics, topic: str, group: str, *, columns: bool = False) -> None:
        self.topic = topic
        self.group = group
        self._log = log
        self._number = 0
        self._assigned: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._closed = False
        self._columns = columns
        self.trouble = ""
        self.joined = False
        log.join(self)

    def take_over(self, partitions: range) -> None:
        """Replaces the assignment by a new one; the log calls this under its lock."""
        self.joined = True
        self._assigned = {partition: self._number + 1 + i for i, partition in enumerate(partitions)}
        self._number += len(partitions)
        self._positions = {}
        self._paused = set()

    def poll(self, timeout: float, max_records: int) -> Polled:
        if self._closed:
            raise LogUnavailable("the reader is closed")
        with self._log.changed:
            self._log.changed.wait_for(self._has_news, timeout)
            lost = self._lost()
            self._told = dict(self._assigned)
            return Polled(self._take(max_records), self._told, lost)

    def seek(self, partition: int, offset: int) -> None:
        with self._log.changed:
            if self._is_known(partition):
                self._positions.pop(partition, None)
                self._positions[partition] = offset

    def pause(self, partition: int) -> None:
        with self._log.changed:
            if self._is_known(partition):
                self._paused.add(partition)

    def resume(self, partition: int) -> None:
        with self._log.changed:
            self._paused.discard(partition)

    def commit(self, positions: Mapping[int, int]) -> None:
        with self._log.changed:
            kept = {p: offset for p, offset in positions.items() if self._is_known(p)}
            self._log.committed.setdefault((self.topic, self.group), {}).update(kept)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._log.leave(self)

    def _is_known(self, partition: int) -> bool:
        """Whether the partition is held by the assignment that the last poll told of."""
        return partition in self._assigned and self._assigned[partition] == self._told.get(partition)

    def _has_news(self) -> bool:
        if self._told != self._assigned or self._lost():
            return True
        return any(self._places()[p].end > self._positions[p] for p in self._running())

    def _places(self) -> list[Partition]:
        try:
            count = self._log.partitions(self.topic)
        except TopicMissing:
            return []
        return [self._log.partition(self.topic, number) for number in range(count)]

    def _lost(self) -> dict[int, str]:
        places = self._places()
        reasons = {p: places[p].why_lost(at) for p, at in self._positions.items() if p < len(places)}
        return {p: reason for p, reason in reasons.items() if reason is not None} | {
            partition: run.reason for partition, run in self.unreadable.items()
        }

    @property
    def unreadable(self) -> dict[int, Unreadable]:
        places = self._places()
        found = {p: places[p].spoilt_from(at) for p, at in self._positions.items() if p < len(places)}
        return {
            p: run._replace(start=at) for p, run in found.items() if run and run.start <= (at := self._positions[p])
        }

    def _running(self) -> list[int]:
        """Partitions to take batches from: sought, within the log, not paused; the one that waited longest comes
        first."""
        places = len(self._places())
        stopped = self._paused | self._lost().keys()
        return [p for p in self._positions if p not in stopped and p < places]

    def _take(self, most: int) -> dict[int, Batch]:
        batches: dict[int, Batch] = {}
        places = self._places()
        for partition in self._running():
            batch = _batch(places[partition], self._positions[partition], most)
            most -= len(batch.records)
            if batch.stop > batch.start:
                batches[partition] = self._in_its_form(partition, batch)
                del self._positions[partition]
                self._positions[partition] = batch.stop
        return batches

    def _in_its_form(self, partition: int, batch: Batch) -> Batch:
        return batch._replace(records=columns_of(partition, batch.records)) if self._columns else batch


def _batch(place: Partition, start: int, most: int) -> Batch:
    spoilt = place.spoilt_from(start)
    end = spoilt.start if spoilt else place.end
    found = place.slice(start, end, most)
    full = len(found) == most
    stop = found[-1].offset + 1 if found and full else start if full else end
    return Batch(found, start, stop)
