"""Reads what the client fetched (kafka-python 3.0.12) into columns, many records at a time.

Offsets, aborted transactions, checksums and positions stay the client's: it is handed all records of a batch as if they
were one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from kafka import TopicPartition

from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.kafka.columns.column_batches import ColumnBatches, Columns
from unlearn.log.kafka.records import Records

__all__ = ["ColumnRecords"]


class _Taken:
    """What was taken at once: it counts as its records, and is iterated as the columns that hold them."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._found: list[Any] = []
        self._count = 0

    def add(self, records: Any, count: int) -> None:
        """Adds columns, or a single record of the client's."""
        self._found.append(records)
        self._count += count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RecordColumns]:
        for kind, found in groupby(self._found, type):
            if kind is RecordColumns:
                yield from found
            else:
                yield columns_of(self._partition, list(found))


class ColumnRecords(Records):
    """What was fetched of one partition. `take(n)` gives at most n records, as something that is iterated as columns,
    so that the client's list of what a poll found is one of RecordColumns."""

    batches_of = ColumnBatches

    def __init__(self, largest_batch: int, start: int, tp: TopicPartition, records: Any, **more: Any) -> None:
        self._waiting: RecordColumns | None = None
        self._skip_below: int | None = start
        super().__init__(largest_batch, start, tp, records, **more)

    def _taken(self, n: int | None) -> Any:
        most = sys.maxsize if n is None else n
        found = _Taken(self.topic_partition.partition)
        try:
            while len(found) < most and self._add(found, most - len(found)):
                pass
        except Exception as error:
            if not found:
                raise
            # As the client does: the records before an error are handed out, and the next call raises it.
            self._next_inline_exception = error
        return found

    def _add(self, found: _Taken, most: int) -> bool:
        """Adds at most `most` records; False where no more were fetched."""
        waiting = self._waiting
        if waiting is None:
            items = super()._taken(1)
            if not items:
                return False
            if type(items[0].value) is not Columns:
                self._skip_below = None
                found.add(items[0], 1)
                return True
            waiting = self._columns(items[0])
        now, self._waiting = waiting, None
        if len(waiting) > most:
            now, self._waiting = waiting[:most], waiting[most:]
        self.next_fetch_offset = int(now.offsets[-1]) + 1
        found.add(now, len(now))
        return True

    def _columns(self, whole: Any) -> RecordColumns:
        data, offsets, timestamps, keys, values, headers = whole.value
        epochs = np.full(len(offsets), whole.leader_epoch, np.int32)
        columns = RecordColumns(whole.partition, data, offsets, timestamps, epochs, keys, values, headers)
        if self._skip_below is not None:
            # A fetch begins with a whole batch, though the position may be in its midst.
            columns = columns[int(np.searchsorted(offsets, self._skip_below)) :]
            self._skip_below = None
        return columns
