"""Records as columns: arrays over one buffer, of which a record is made only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from unlearn.log.protocol import Entry, Record
from unlearn.log.record_headers import decode_headers, encode_headers

__all__ = ["RecordColumns", "columns_of"]

_NONE = -1
_INT64 = 1 << 64


@dataclass(frozen=True, slots=True, eq=False)
class RecordColumns(Sequence[Record]):
    """n records of one partition. A span is [start, stop) in `data`, and (-1, -1) for None.

    data        (size,) uint8, read-only; it may hold other bytes too
    offsets     (n,) int64
    timestamps  (n,) int64, in ms since 1970 UTC
    epochs      (n,) int32, the leader epoch; -1 where unknown
    keys        (n, 2) int64, spans
    values      (n, 2) int64, spans
    headers     (n, 2) int64, spans of the headers in the form of `record_headers`; None where there are none
    """

    partition: int
    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    epochs: NDArray[np.int32]
    keys: NDArray[np.int64]
    values: NDArray[np.int64]
    headers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> RecordColumns: ...
    def __getitem__(self, at: int | slice) -> Record | RecordColumns:
        """A record, made now; or the columns of a slice, over the same buffer."""
        if isinstance(at, slice):
            return self._sliced(at)
        return self.records(np.array([range(len(self))[at]]))[0]

    def records(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> list[Record]:
        """The records at these positions, in the order given, or those where the mask (n,) is true, made now."""
        data = self.data.data

        def contents(spans: NDArray[np.int64]) -> list[bytes | None]:
            return [None if start < 0 else bytes(data[start:stop]) for start, stop in spans[which].tolist()]

        headers = ((() if of is None else decode_headers(of)) for of in contents(self.headers))
        columns = zip(
            self.offsets[which].tolist(),
            self.timestamps[which].tolist(),
            contents(self.keys),
            contents(self.values),
            headers,
            self.epochs[which].tolist(),
            strict=True,
        )
        return [Entry(self.partition, *record) for record in columns]

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """The records of all parts in order, over one new buffer; a single part itself.

        Of each part's buffer only what lies between its first and its last span is copied. Raises ValueError where
        there are no parts, or parts of several partitions.
        """
        if len({part.partition for part in parts}) != 1:
            raise ValueError("the columns to be joined are not of one partition")
        filled = [part for part in parts if len(part)]
        if len(filled) < 2:
            return filled[0] if filled else parts[0]
        spans = np.stack([np.concatenate([getattr(part, kind) for part in filled]) for kind in _SPANS])
        counts = np.array([len(part) for part in filled])
        starts, stops = _used(spans, np.cumsum(counts) - counts)
        sizes = stops - starts
        moved = np.repeat(np.cumsum(sizes) - sizes - starts, counts)
        spans = np.where(spans < 0, _NONE, spans + moved[:, None])
        data = np.concatenate([part.data[a:b] for part, a, b in zip(filled, starts, stops, strict=True)])
        data.flags.writeable = False
        offsets, timestamps, epochs = (np.concatenate([getattr(part, name) for part in filled]) for name in _NUMBERS)
        return cls(parts[0].partition, data, offsets, timestamps, epochs, *spans)

    def _sliced(self, at: slice) -> RecordColumns:
        return RecordColumns(
            self.partition,
            self.data,
            self.offsets[at],
            self.timestamps[at],
            self.epochs[at],
            self.keys[at],
            self.values[at],
            self.headers[at],
        )


_SPANS = ("keys", "values", "headers")
_NUMBERS = ("offsets", "timestamps", "epochs")


def columns_of(partition: int, records: Sequence[Record]) -> RecordColumns:
    """Columns that hold these records of the partition.

    A timestamp that the client doesn't know (format v0) becomes -1. A number beyond 64 bits wraps around, as it does in
    the broker's arithmetic; the client's own has no such end.
    """
    found: list[bytes] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for record in records:
        headers = encode_headers(record.headers) if record.headers else None
        for content in (record.key, record.value, headers):
            if content is None:
                spans.append((_NONE, _NONE))
            else:
                found.append(content)
                spans.append((at, at := at + len(content)))
    by_kind = np.array(spans, np.int64).reshape(-1, 3, 2)
    return RecordColumns(
        partition,
        np.frombuffer(b"".join(found), np.uint8),
        np.array([_wrapped(record.offset) for record in records], np.int64),
        np.array([_wrapped(_timestamp(record)) for record in records], np.int64),
        np.array([record.leader_epoch for record in records], np.int32),
        *(np.ascontiguousarray(by_kind[:, kind]) for kind in range(3)),
    )


def _timestamp(record: Record) -> int:
    found: int | None = record.timestamp
    return _NONE if found is None else found


def _wrapped(number: int) -> int:
    return (number + _INT64 // 2) % _INT64 - _INT64 // 2


def _used(spans: NDArray[np.int64], firsts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each part the interval of its buffer that its spans (3, n, 2) lie in; `firsts`: the row it begins at.

    (0, 0) for a part whose spans are all None.
    """
    far = np.iinfo(np.int64).max
    starts = np.minimum.reduceat(np.where(spans[..., 0] < 0, far, spans[..., 0]).min(0), firsts)
    stops = np.maximum.reduceat(spans[..., 1].max(0), firsts)
    return np.where(starts == far, 0, starts), np.maximum(stops, 0)
