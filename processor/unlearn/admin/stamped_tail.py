"""A topic followed with the time of each record, by the broker's clock."""

from __future__ import annotations

from unlearn.errors import UnlearnError
from unlearn.log.protocol import Log, Record

__all__ = ["StampedTail"]


class StampedTail:
    """A tail that remembers when each record of the last poll was appended, in s since 1970."""

    def __init__(self, log: Log, topic: str) -> None:
        self._tail = log.tail(topic)
        self._stamps: dict[int, float] = {}

    def poll(self, timeout: float) -> list[Record]:
        records = self._tail.poll(timeout)
        self._stamps = {record.offset: record.timestamp / 1000 for record in records}
        return records

    @property
    def trouble(self) -> UnlearnError | None:
        return self._tail.trouble

    @property
    def position(self) -> int:
        return self._tail.position

    def end(self) -> int:
        return self._tail.end()

    def close(self) -> None:
        self._tail.close()

    def appended_at(self, offset: int) -> float | None:
        """When the record was appended; None if it isn't one of the last poll."""
        return self._stamps.get(offset)
