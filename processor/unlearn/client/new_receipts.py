"""What comes to a receipts topic: from where its reader stands, look after look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from unlearn.log.protocol import Log, Record

__all__ = ["LOOK_EVERY", "NewReceipts"]

LOOK_EVERY: Final = 0.5
"""Seconds between two looks of those who wait for receipts."""


class NewReceipts:
    """The records of a receipts topic from an offset on; without one, from its end now. One thread at a time.

    Raises LogUnavailable, TopicMissing, as all its methods.
    """

    def __init__(self, log: Log, topic: str, position: int | None = None) -> None:
        self._log, self._topic = log, topic
        self.position = self._end() if position is None else position
        """All records below it have been read."""

    def read(self) -> Iterator[Record]:
        """The records that have come since. If the iterator isn't run out, they come again."""
        end = self._end()
        if end > self.position:
            yield from self._log.read(self._topic, 0, self.position, end)
            self.position = end

    def skip(self) -> None:
        """Go on from the end as it is now."""
        self.position = self._end()

    def _end(self) -> int:
        return self._log.bounds(self._topic)[0][1]
