"""Record batches as a broker hands them out, and what the client's reading and the one into columns make of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.consumer.fetcher import IsolationLevel
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c

from unlearn.log.columns import RecordColumns
from unlearn.log.kafka import codecs
from unlearn.log.kafka.columns.column_records import ColumnRecords
from unlearn.log.kafka.records import CantRead, Records
from unlearn.log.protocol import Header, Record

PARTITION = 3
TIME = 1_700_000_000_000
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
LARGEST = 1 << 24
_CONTROL, _APPEND_TIME = 0x20, 0x08
_AT = DefaultRecordBatch.ATTRIBUTES_OFFSET


class Content(NamedTuple):
    """A record of a batch that is to be made. `delta`: its offset less the batch's."""

    delta: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()


class Made(NamedTuple):
    """A batch of format v2 but for its records."""

    base: int = 0
    codec: int = 0
    producer: int = -1
    transactional: bool = False
    control: bool = False
    append_time: bool = False
    epoch: int = 4
    last_delta: int | None = None


PLAIN = Made()


def batch(contents: Sequence[Content], made: Made = PLAIN) -> bytes:
    """A batch of format v2, as the broker keeps it."""
    sequence = -1 if made.producer < 0 else 0
    builder = DefaultRecordBatchBuilder(2, made.codec, made.transactional, made.producer, sequence, sequence, 1 << 30)
    for content in contents:
        assert builder.append(content.delta, content.timestamp, content.key, content.value, list(content.headers))
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, made.base)
    struct.pack_into(">i", data, 12, made.epoch)
    (attributes,) = struct.unpack_from(">h", data, _AT)
    struct.pack_into(">h", data, _AT, attributes | _CONTROL * made.control | _APPEND_TIME * made.append_time)
    if made.last_delta is not None:
        struct.pack_into(">i", data, _AT + 2, made.last_delta)
    return sealed(data)


def marker(base: int, producer: int, *, commit: bool) -> bytes:
    """The control batch that ends a transaction."""
    content = Content(0, TIME, struct.pack(">hh", 0, commit), struct.pack(">hi", 0, 0))
    return batch([content], Made(base, producer=producer, transactional=True, control=True))


def legacy(contents: Sequence[Content], magic: int, codec: int = 0) -> bytes:
    """A message set of format v0 or v1."""
    builder = LegacyRecordBatchBuilder(magic, codec, 1 << 30)
    for content in contents:
        assert builder.append(content.delta, content.timestamp, content.key, content.value)
    return bytes(builder.build())


def sealed(data: bytearray) -> bytes:
    """The batch with the checksum of what it holds."""
    struct.pack_into(">I", data, DefaultRecordBatch.CRC_OFFSET, calc_crc32c(memoryview(data)[_AT:]))
    return bytes(data)


def fields(record: Record) -> tuple[Any, ...]:
    """All that is asked of a record. Numbers as 64 bits; -1 for a timestamp that isn't known."""
    timestamp: int | None = record.timestamp
    return (
        record.partition,
        _wrapped(record.offset),
        -1 if timestamp is None else _wrapped(timestamp),
        record.key,
        record.value,
        list(record.headers),
        record.leader_epoch,
    )


class Fetched(NamedTuple):
    """What was fetched: its bytes, the position asked for, and (producer, first offset) of aborted transactions."""

    data: bytes
    start: int = 0
    aborted: Sequence[tuple[int, int]] = ()
    largest: int = LARGEST


def by_client(fetched: Fetched, takes: Iterable[int | None]) -> list[Any]:
    """What each take gives, read by the client's own code: records, or an error; and the position thereafter."""
    return _read(Records, fetched, takes)


def in_columns(fetched: Fetched, takes: Iterable[int | None]) -> list[Any]:
    """The same of the reading into columns."""
    return _read(ColumnRecords, fetched, takes)


def taken_at_once(fetched: Fetched) -> list[RecordColumns]:
    """The columns that one take of all gives, not joined."""
    return list(_part(ColumnRecords, fetched, []).take(None))


class _Aborted(NamedTuple):
    producer_id: int
    first_offset: int


def _part(kind: type[Records], fetched: Fetched, drained: list[bool]) -> Any:
    codecs.install()
    return kind(
        fetched.largest,
        fetched.start,
        TopicPartition("t", PARTITION),
        MemoryRecords(fetched.data),
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=[_Aborted(*each) for each in fetched.aborted],
        on_drain=lambda part: drained.append(part.bytes_read > 0),
    )


def _read(kind: type[Records], fetched: Fetched, takes: Iterable[int | None]) -> list[Any]:
    drained: list[bool] = []
    part = _part(kind, fetched, drained)
    told: list[Any] = []
    for n in takes:
        if not part:
            break
        told.append((_take(part, n), _wrapped(part.next_fetch_offset), part.leader_epoch, list(drained)))
    return told


def _take(part: Any, n: int | None) -> Any:
    try:
        taken = part.take(n)
    except CantRead as error:
        return error.found
    found: list[Any] = []
    found.extend(taken)
    if found and isinstance(part, ColumnRecords):
        found = list(RecordColumns.concat(found))
    assert len(found) == len(taken)
    return [fields(record) for record in found]


def _wrapped(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
