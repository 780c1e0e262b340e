"""Batches of what the client fetched (kafka-python 3.0.12), whose records it finds all at once, as if they were one.

Several batches are read at once where they lie as they are in what was fetched, which then isn't copied. Those that are
packed or of a transaction are read one by one. A batch that is odd in any way the client reads by itself, and so finds
the error or the records that it always did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import calc_crc32c
from numpy.typing import NDArray

from unlearn.kernels.record_batches import SMALLEST_RECORD, find_run, read_records, read_run
from unlearn.log.kafka.records import FORMAT, SMALLEST_BATCH, Batches

__all__ = ["ColumnBatches", "Columns"]

_FAR = np.iinfo(np.int64).max
_MOST_BATCHES = 1024
_MOST_RECORDS = 16_384
"""Of a run: what is read ahead of a poll takes 64 bytes a record."""


class Columns(NamedTuple):
    """The fields of RecordColumns that a batch itself gives."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    values: NDArray[np.int64]
    headers: NDArray[np.int64]


class _Whole(NamedTuple):
    """All records of a batch or a run, with the attributes that the client asks of one record.

    `offset` is the last record's.
    """

    value: Columns
    offset: int
    size_in_bytes: int
    timestamp: int = 0
    timestamp_type: int = 0
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None

    def validate_crc(self) -> bool:
        """True, as for each record of format v2: the batch's checksum is of all of them."""
        return True


class _ColumnBatch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch of format v2; iterated it gives its records as one, unless something is odd."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = super().__iter__()
        whole = self._whole()
        return records if whole is None else iter((whole,))

    def _whole(self) -> _Whole | None:
        count, stop = self.records_count, len(self._buffer)
        in_range = 0 <= self.base_offset <= _FAR - max(0, self.last_offset_delta)
        if not (in_range and 0 < count <= (stop - self._pos) // SMALLEST_RECORD):
            return None
        columns = _room(_viewed(self._buffer), count)
        about = self.base_offset, self.last_offset_delta, self.first_timestamp
        if not read_records(columns.data, self._pos, stop, 0, count, *about, *columns[1:]):
            return None
        if self.timestamp_type == self.LOG_APPEND_TIME:
            columns.timestamps[:] = self.max_timestamp
        return _Whole(columns, int(columns.offsets[-1]), stop - self._pos)


@dataclass(frozen=True, slots=True)
class _Run:
    """Batches that were checked and read at once, with the attributes that the client asks of one batch.

    `producer_id` is the last one's; none of them is of a transaction.
    """

    whole: _Whole
    base_offset: int
    last_offset: int
    leader_epoch: int
    producer_id: int
    magic: int = FORMAT
    is_control_batch: bool = False
    is_transactional: bool = False

    @property
    def next_offset(self) -> int:
        """The offset behind the last batch."""
        return self.last_offset + 1

    def has_producer_id(self) -> bool:
        """Whether all have one; else none has. The client then counts the transactions that were begun before."""
        return self.producer_id >= 0

    def validate_crc(self) -> bool:
        """True: each batch was checked."""
        return True

    def __iter__(self) -> Iterator[_Whole]:
        return iter((self.whole,))


class ColumnBatches(Batches):
    """The batches of one fetch, in runs where that can be."""

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self._data = _viewed(records._buffer)  # noqa: SLF001

    def _next(self) -> Any:
        at = self._start()
        run = None if at is None else self._run(at)
        if run is not None:
            return run
        batch = super()._next()
        if type(batch) is DefaultRecordBatch and batch.magic == FORMAT:
            # Both classes have the same slots.
            batch.__class__ = _ColumnBatch
        return batch

    def _start(self) -> int | None:
        """Where in what was fetched the next batch stands; None where there is none, or its length can't be right."""
        following, behind = self._records._next_slice, self._records._pos  # noqa: SLF001
        if following is None or len(following) < SMALLEST_BATCH or behind < len(following):
            return None
        return int(behind - len(following))

    def _run(self, at: int) -> _Run | None:
        """The batches from this byte on that can be read at once; None where there are none."""
        ends = np.empty(_MOST_BATCHES, np.int64)
        found, records = find_run(self._data, at, _MOST_RECORDS, ends)
        columns, row_ends = _room(self._data, records), np.empty(found, np.int64)
        starts = [at, *ends[:found].tolist()]
        good = self._intact(starts, read_run(self._data, at, ends[:found], row_ends, *columns[1:]))
        if not good:
            return None
        rows, last, end = int(row_ends[good - 1]), self._header(starts[good - 1]), starts[good]
        whole = _Whole(Columns(self._data, *(part[:rows] for part in columns[1:])), int(columns[1][rows - 1]), end - at)
        self._records._pos = end  # noqa: SLF001
        self._records._cache_next()  # noqa: SLF001
        return _Run(whole, self._header(at)[0], last[0] + last[6], last[2], last[9])

    def _intact(self, starts: list[int], found: int) -> int:
        """How many of the first `found` batches have the right checksum, up to the first that doesn't."""
        view = self._data.data
        for batch, (start, end) in enumerate(pairwise(starts[: found + 1])):
            if calc_crc32c(view[start + DefaultRecordBatch.ATTRIBUTES_OFFSET : end]) != self._header(start)[4]:
                return batch
        return found

    def _header(self, at: int) -> tuple[int, ...]:
        found: tuple[int, ...] = DefaultRecordBatch.HEADER_STRUCT.unpack_from(self._data, at)
        return found


def _viewed(data: bytes | bytearray | memoryview) -> NDArray[np.uint8]:
    viewed = np.frombuffer(data, np.uint8)
    viewed.flags.writeable = False
    return viewed


def _room(data: NDArray[np.uint8], n: int) -> Columns:
    """Columns over `data` for n records, not yet written."""
    offsets, timestamps = np.empty((2, n), np.int64)
    return Columns(data, offsets, timestamps, *np.empty((3, n, 2), np.int64))
