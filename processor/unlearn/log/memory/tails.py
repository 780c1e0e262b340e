"""Readers of a log in memory without a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unlearn.errors import LogDiverged
from unlearn.log.memory.topics import Topics
from unlearn.log.protocol import Record

__all__ = ["MemoryFollower", "MemoryTail"]


class MemoryTail:
    """A tail of a topic of a MemoryLog."""

    trouble = None

    def __init__(self, log: Topics, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._id = log.topic_id(topic)
        self._position = log.bounds(topic)[0][0]

    def poll(self, timeout: float) -> list[Record]:
        with self._log.changed:
            self._log.changed.wait_for(lambda: self.end() != self._position, timeout)
            place = self._log.partition(self._topic, 0)
            reason = place.why_lost(self._position)
            if reason or self._log.topic_id(self._topic) != self._id:
                raise LogDiverged(f"topic {self._topic}: {reason or 'it was made again'}")
            found: list[Record] = list(place.slice(self._position, place.end, len(place.entries)))
            self._position = place.end
            return found

    @property
    def position(self) -> int:
        return self._position

    def end(self) -> int:
        return self._log.bounds(self._topic)[0][1]

    def close(self) -> None:
        """Does nothing: there is no connection."""


class MemoryFollower:
    """A follower of partitions of a topic of a MemoryLog."""

    def __init__(self, log: Topics, topic: str, starts: Mapping[int, int]) -> None:
        self._log, self._topic, self._id = log, topic, log.topic_id(topic)
        self._positions = dict(starts)

    def poll(self, timeout: float) -> dict[int, Sequence[Record]]:
        with self._log.changed:
            self._log.changed.wait_for(lambda: self.ends() != self._positions, timeout)
            found = {partition: self._take(partition) for partition in self._positions}
            return {partition: records for partition, records in found.items() if records}

    def _take(self, partition: int) -> list[Record]:
        place, start = self._log.partition(self._topic, partition), self._positions[partition]
        if self._log.topic_id(self._topic) != self._id or start > place.end:
            raise LogDiverged(f"topic {self._topic}: it was made again, or cut")
        self._positions[partition] = place.end
        return [*place.slice(max(start, place.start), place.end, len(place.entries))]

    @property
    def positions(self) -> Mapping[int, int]:
        return self._positions

    def ends(self) -> dict[int, int]:
        return {partition: self._log.bounds(self._topic)[partition][1] for partition in self._positions}

    def close(self) -> None:
        """Does nothing: there is no connection."""
