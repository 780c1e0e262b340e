"""What the log shows to have been sent on already, for a model that is built from a log with a past.

Such a model reads events that were sent home or copied before: by another model on the topic, or by itself before it
was built again. Their origins stand in the log. So the log is read once, and nothing is sent again that stands where it
belongs. What isn't found is sent: sending twice does no harm, never sending does.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unlearn.errors import UnlearnError
from unlearn.events.marks import read_marks
from unlearn.forwarding.reread import content_of
from unlearn.log.protocol import Log, Record

__all__ = ["SentBefore"]

_log = logging.getLogger(__name__)
_MOST_MARKS = 2_000_000
"""Origins that are remembered, at 32 bytes each; events sent on beyond them are sent again."""
_TRIES = 3
_OFFSET_BITS = 48


class SentBefore:
    """Reads the events topic from its start to its end as of the first look, a piece at a time."""

    def __init__(self, log: Log, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._marks = [array("q") for _ in range(4)]
        self._reading: Iterator[int] | None = None
        self._index: list[NDArray[np.int64]] | None = None

    def look(self, most: int) -> bool:
        """Read some `most` records further. Returns whether the log has been read to its end."""
        while self._index is None and most > 0:
            self._reading = self._reading or self._read()
            count = next(self._reading, None)
            if count is None:
                self._finish()
            else:
                most -= count
        return self._index is not None

    def places(self, record: Record) -> dict[int, int]:
        """Partition -> offset of each record there with the same key and value that was sent on from this place.

        If the record is a copy itself, those sent on from its original's place count as well. Empty until `look` is
        done.
        """
        if self._index is None:
            return {}
        keys, partitions, offsets, contents = self._index
        marks = read_marks(record.headers) if record.headers else []
        found: dict[int, int] = {}
        for partition, offset in [(m.partition, m.offset) for m in marks] + [(record.partition, record.offset)]:
            first, last = np.searchsorted(keys, [_key(partition, offset), _key(partition, offset) + 1])
            same = [i for i in range(int(first), int(last)) if contents[i] == content_of(record)]
            found |= {int(partitions[i]): int(offsets[i]) for i in same}
        return found

    def _read(self) -> Iterator[int]:
        """Read the log, yielding how many records each part has, so that `look` can stop in between."""
        for partition, (start, end) in sorted(self._log.bounds(self._topic).items()):
            yield from self._read_partition(partition, start, end)

    def _read_partition(self, partition: int, start: int, end: int) -> Iterator[int]:
        """Read one partition, up to three tries; what can't be read counts as if nothing had been sent on there."""
        for _ in range(_TRIES):
            try:
                for part in self._log.read_columns(self._topic, partition, start, end):
                    start = int(part.offsets[-1]) + 1
                    for record in part.records(part.headers[:, 0] >= 0):
                        self._remember(record)
                    yield len(part)
                return
            except UnlearnError as error:
                _log.warning("looking for what partition %d was sent: %s", partition, error)
                yield 1

    def _remember(self, record: Record) -> None:
        for mark in read_marks(record.headers):
            if len(self._marks[0]) < _MOST_MARKS and mark.offset < 1 << _OFFSET_BITS:
                row = _key(mark.partition, mark.offset), record.partition, record.offset, content_of(record)
                for column, value in zip(self._marks, row, strict=True):
                    column.append(value)

    def _finish(self) -> None:
        columns = [np.frombuffer(column, np.int64) for column in self._marks]
        order = np.argsort(columns[0], kind="stable")
        self._index = [column[order] for column in columns]
        self._marks, self._reading = [], None
        _log.info("the log shows %d records that were sent on before", len(order))


def _key(partition: int, offset: int) -> int:
    return partition << _OFFSET_BITS | offset
