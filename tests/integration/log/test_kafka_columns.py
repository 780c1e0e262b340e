"""A reader that gives columns and one that gives the client's records, on the same topics of a real broker."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer
from kafka.consumer import fetcher
from kafka.record.memory_records import MemoryRecords

from tests.harness.record_batches import TIME, Content, fields, legacy
from tests.harness.waiting import until
from tests.integration.log.conftest import KafkaRig
from tests.log_suite import assert_contiguous, joined, new_topic, poll_until
from unlearn.log.columns import RecordColumns
from unlearn.log.protocol import Batch, Polled, Unreadable

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
PIECES = [
    Content(0, TIME, b"key", b"value"),
    Content(1, TIME - 1000, b"gone", None),
    Content(2, TIME + 5, b"", b"", [("h", b""), ("h", b"1"), ("", b"2"), ("όνομα", b"\xff")]),
    Content(3, TIME + 1, b"k" * 300, b"v" * 20_000, [("h", b"2")]),
    Content(4, TIME + 2, None, b"\x00" * 64),
]


def produce(
    rig: KafkaRig, topic: str, contents: list[Content], codec: str | None = None, partition: int = 0, **more: Any
) -> None:
    """The records in one batch; `commit`: in a transaction that is ended so."""
    commit: bool | None = more.get("commit")
    name = {} if commit is None else {"transactional_id": f"{topic}-{time.time_ns()}"}
    options: dict[str, Any] = {"linger_ms": 300, "batch_size": 1 << 22, "max_request_size": 1 << 23, **name}
    producer = KafkaProducer(bootstrap_servers=rig.settings.bootstrap_servers, compression_type=codec, **options)
    if commit is not None:
        producer.init_transactions()
        producer.begin_transaction()
    sent = [
        producer.send(topic, c.value, c.key, list(c.headers), partition=partition, timestamp_ms=c.timestamp)
        for c in contents
    ]
    producer.flush(30)
    assert all(answer.get(30) for answer in sent)
    if commit is not None:
        (producer.commit_transaction if commit else producer.abort_transaction)()
        # It has ended before its marker stands in the log.
        marked = max(answer.get(30).offset for answer in sent) + 2
        until(lambda: rig.log.bounds(topic)[partition][1] >= marked, 120, "the transaction is at its end")
    producer.close()


class Read(NamedTuple):
    """By partition: what was read, where it ended, and the run that can't be read."""

    records: dict[int, list[tuple[Any, ...]]]
    stops: dict[int, int]
    unreadable: Mapping[int, Unreadable]


def read(
    rig: KafkaRig, topic: str, starts: Mapping[int, int], stops: Mapping[int, int], most: int, *, columns: bool
) -> Read:
    """Reads each partition from its start until it stands at its stop, or can't be read."""
    reader = rig.log.reader(topic, f"{topic}-{columns}-{time.time_ns()}", columns=columns)
    got: dict[int, list[Batch]] = {partition: [] for partition in starts}

    def take(polled: Polled) -> bool:
        assert sum(len(batch.records) for batch in polled.batches.values()) <= most
        for partition, batch in polled.batches.items():
            assert (type(batch.records) is RecordColumns) == columns
            got[partition].append(batch)
        return all(p in polled.lost or (got[p] and got[p][-1].stop >= stop) for p, stop in stops.items())

    try:
        joined(reader, len(starts))
        for partition, start in starts.items():
            reader.seek(partition, start)
        poll_until(reader, take, most)
        unreadable = dict(reader.unreadable)
    finally:
        reader.close()
    for partition, batches in got.items():
        assert_contiguous(batches, starts[partition])
    records = {p: [fields(record) for batch in batches for record in batch.records] for p, batches in got.items()}
    return Read(records, {p: batches[-1].stop for p, batches in got.items() if batches}, unreadable)


def same(rig: KafkaRig, topic: str, start: int = 0, most: int = 1000) -> Read:
    """What both readers find in the topic from `start` on, which is the same."""
    bounds = rig.log.bounds(topic)
    starts, stops = dict.fromkeys(bounds, start), {p: end for p, (_, end) in bounds.items()}
    by_client = read(rig, topic, starts, stops, most, columns=False)
    assert read(rig, topic, starts, stops, most, columns=True) == by_client
    return by_client


def contents_of(found: Read, partition: int = 0) -> list[tuple[Any, ...]]:
    return [(key, value, headers) for *_, key, value, headers, _ in found.records[partition]]


def numbered(n: int) -> list[Content]:
    return [Content(i, TIME + i, b"k", b"%d" % i * 20) for i in range(n)]


@pytest.mark.parametrize("kind", ["CreateTime", "LogAppendTime"])
def test_every_codec_and_all_that_a_record_may_hold(rig: KafkaRig, kind: str) -> None:
    settings: dict[str, Any] = {"message.timestamp.type": kind, "retention.ms": "-1"}
    topic = new_topic(rig, **settings)
    for codec in CODECS:
        produce(rig, topic, PIECES, codec)
    for start, most in ((0, 1000), (0, 1), (0, 3), (7, 1000), (13, 2)):
        found = same(rig, topic, start, most)
        expected = [(c.key, c.value, list(c.headers)) for c in PIECES] * len(CODECS)
        assert contents_of(found) == expected[start:]
        assert found.stops == {0: 25}
    times = [record[2] for record in same(rig, topic).records[0]]
    assert (times == [content.timestamp for content in PIECES] * 5) == (kind == "CreateTime")


def test_transactions_that_were_committed_aborted_and_lie_between_others(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    for i, commit in enumerate((True, False, None, False, True, None, False, False)):
        produce(rig, topic, numbered(5 + i), CODECS[i % 5], commit=commit)
    whole = same(rig, topic)
    assert len(contents_of(whole)) == 5 + 7 + 9 + 10
    end = rig.log.bounds(topic)[0][1]
    assert whole.stops == {0: end}
    for start in range(0, end, 5):
        same(rig, topic, start, 4)
    same(rig, topic, end - 1)


def test_a_topic_of_markers_alone_gives_no_records(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    produce(rig, topic, numbered(5), commit=False)
    assert same(rig, topic) == ({0: []}, {0: 6}, {})


@pytest.mark.slow
def test_what_compaction_took_is_a_gap(rig: KafkaRig) -> None:
    eager: dict[str, Any] = {"min_cleanable_dirty_ratio": "0.001", "segment_ms": "100", "max_compaction_lag_ms": "100"}
    topic = new_topic(rig, cleanup_policy="compact", delete_retention_ms="0", **eager)
    names = [b"a", b"b", b"c", b"a", b"d", b"a", b"b"]
    for codec in (None, "lz4"):
        produce(rig, topic, [Content(i, TIME, name, b"%d" % i) for i, name in enumerate(names)], codec)

    def compacted() -> bool:
        produce(rig, topic, [Content(0, TIME, b"newest", b"x")])
        end = rig.log.bounds(topic)[0][1]
        return len(read(rig, topic, {0: 0}, {0: end}, 1000, columns=False).records[0]) < end - 3

    until(compacted, 300, "compaction takes some records")
    for start in range(15):
        until(lambda at=start: unmoved(rig, topic, at), 300, "compaction rests")  # type: ignore[misc]


def unmoved(rig: KafkaRig, topic: str, start: int) -> bool:
    """Whether the topic stayed as it is while it was read twice by the client; then columns between gave the same."""
    bounds = {0: start}, {0: rig.log.bounds(topic)[0][1]}, 2
    before, found, after = (read(rig, topic, *bounds, columns=columns) for columns in (False, True, False))
    assert found == before or before != after
    return before == after


def test_many_batches_of_several_partitions_in_one_poll(rig: KafkaRig) -> None:
    topic = new_topic(rig, 3)
    for partition in range(3):
        for size in (1, 300, 2, 50):
            produce(rig, topic, numbered(size), CODECS[size % 5], partition)
    for most in (10_000, 400, 299, 7):
        found = same(rig, topic, 0, most)
        assert found.stops == {0: 353, 1: 353, 2: 353}
        assert contents_of(found, 2) == [(c.key, c.value, []) for n in (1, 300, 2, 50) for c in numbered(n)]


def test_a_large_batch_is_cut_into_polls(rig: KafkaRig) -> None:
    topic = new_topic(rig, max_message_bytes="4000000")
    produce(rig, topic, [Content(i, TIME, b"k", bytes([i % 256]) * 3000) for i in range(1200)])
    assert len(contents_of(same(rig, topic, 0, 100))) == 1200
    assert len(contents_of(same(rig, topic, 555, 1000))) == 645


def test_a_pause_amid_a_batch_and_a_seek_back(rig: KafkaRig) -> None:
    topic = new_topic(rig, 2)
    for partition in (0, 1):
        produce(rig, topic, numbered(100), "gzip", partition)
    reader = rig.log.reader(topic, f"group-{topic}", columns=True)
    try:
        joined(reader, 2)
        reader.seek(0, 0)
        first = poll_until(reader, lambda polled: 0 in polled.batches, 30).batches[0]
        assert (first.start, first.stop, [r.offset for r in first.records]) == (0, 30, list(range(30)))
        reader.pause(0)
        reader.seek(1, 90)
        assert poll_until(reader, lambda polled: polled.batches, 30).batches.keys() == {1}
        reader.resume(0)
        again = poll_until(reader, lambda polled: 0 in polled.batches, 30).batches[0]
        assert (again.start, again.stop, again.records[0].offset) == (30, 60, 30)
        reader.seek(0, 17)
        back = poll_until(reader, lambda polled: 0 in polled.batches, 5).batches[0]
        assert [record.offset for record in back.records] == [17, 18, 19, 20, 21]
    finally:
        reader.close()


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]) -> None:
    """From now on the client finds changed bytes in what it fetched."""
    monkeypatch.setattr(fetcher, "MemoryRecords", lambda data: MemoryRecords(change(bytes(data))))


def spoilt(data: bytes, base: int) -> bytes:
    """The batches, with the last byte of the one at this offset changed."""
    out, at = bytearray(data), 0
    while at < len(data):
        offset, size = struct.unpack_from(">qi", data, at)
        at += 12 + size
        out[at - 1] ^= offset == base
    return bytes(out)


def test_a_batch_whose_checksum_is_wrong(rig: KafkaRig, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = new_topic(rig)
    for _ in range(3):
        produce(rig, topic, numbered(10))
    changing(monkeypatch, lambda data: spoilt(data, 10))
    found = same(rig, topic)
    (lost,) = found.unreadable.values()
    assert (lost.start, lost.stop, lost.intact) == (10, 20, False)
    assert found.stops == {0: 10}
    assert same(rig, topic, 12).unreadable[0].start == 12
    assert same(rig, topic, 20).stops == {0: 30}


@pytest.mark.parametrize("magic", [0, 1])
def test_batches_of_older_formats(rig: KafkaRig, monkeypatch: pytest.MonkeyPatch, magic: int) -> None:
    topic = new_topic(rig)
    produce(rig, topic, numbered(10), "gzip")
    old = legacy([Content(i, TIME + i, b"k" if i % 2 else None, b"old%d" % i) for i in range(10)], magic, magic)
    changing(monkeypatch, lambda data: old if data else data)
    for start, most in ((0, 1000), (0, 3), (4, 1000)):
        found = same(rig, topic, start, most)
        assert [value for _, value, _ in contents_of(found)] == [b"old%d" % i for i in range(start, 10)]
