"""What every log must keep, as plain tests over a `rig`: a log and the means to harm it."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from unlearn.errors import LogDiverged, LogRefused, LogUnavailable, TopicMissing
from unlearn.log.columns import RecordColumns
from unlearn.log.protocol import Batch, Header, Log, Polled, Reader, Record, TopicSpec

NAMES = itertools.count()
PATIENCE = 120.0


class Rig(Protocol):
    @property
    def log(self) -> Log: ...

    def gap(self, topic: str, partition: int, n: int) -> None:
        """Leaves n >= 2 offsets without records at the end."""

    def truncate(self, topic: str, partition: int, start: int) -> None: ...

    def delete(self, topic: str) -> None: ...

    def committed(self, topic: str, group: str) -> Mapping[int, int]: ...


def in_columns(log: Any) -> None:
    """Make the log read in columns alone, by `reader` and by `read`, and check that they give nothing else."""
    log.reader = _reader_in_columns(log.reader)
    log.read = _read_in_columns(log.read_columns)


def _read_in_columns(read: Callable[..., Iterator[RecordColumns]]) -> Any:
    def made(*interval: Any) -> Iterator[Record]:
        for part in read(*interval):
            assert type(part) is RecordColumns
            assert len(part)
            yield from part

    return made


def _reader_in_columns(reader: Callable[..., Any]) -> Any:

    def made(topic: str, group: str) -> Any:
        found = reader(topic, group, columns=True)
        plainly = found.poll

        def poll(timeout: float, max_records: int) -> Polled:
            polled: Polled = plainly(timeout, max_records)
            assert all(type(batch.records) is RecordColumns for batch in polled.batches.values())
            return polled

        found.poll = poll
        return found

    return made


def new_topic(rig: Rig, partitions: int = 1, **config: str) -> str:
    name = f"t{time.time_ns()}-{next(NAMES)}"
    config.setdefault("message.timestamp.type", "LogAppendTime")
    assert rig.log.create(TopicSpec(name, partitions, {k.replace("_", "."): v for k, v in config.items()}))
    return name


def fill(rig: Rig, topic: str, partition: int, values: list[bytes]) -> list[int]:
    producer = rig.log.producer()
    sent = [producer.send(topic, partition, b"k", value) for value in values]
    producer.flush(PATIENCE)
    producer.close()
    return [answer.result(0) for answer in sent]


def numbered(n: int, prefix: str = "v") -> list[bytes]:
    return [f"{prefix}{i}".encode() for i in range(n)]


@contextmanager
def reading(rig: Rig, topic: str, group: str | None = None) -> Iterator[Reader]:
    reader = rig.log.reader(topic, group or f"group-{topic}")
    try:
        yield reader
    finally:
        reader.close()


def poll_until(
    reader: Reader,
    done: Callable[[Polled], object],
    most: int = 1000,
    seconds: float = PATIENCE,
    what: str = "the reader never got there",
) -> Polled:
    """The first polled that is `done`. Fails the test after `seconds`, with `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        polled = reader.poll(0.2, most)
        if done(polled):
            return polled
    raise AssertionError(what)


def joined(reader: Reader, count: int) -> Mapping[int, int]:
    return poll_until(reader, lambda polled: len(polled.assigned) == count).assigned


def drain(reader: Reader, stops: Mapping[int, int], most: int = 1000) -> dict[int, list[Batch]]:
    """Polls until each partition's batches end at its stop."""
    got: dict[int, list[Batch]] = {partition: [] for partition in stops}

    def take(polled: Polled) -> bool:
        for partition, batch in polled.batches.items():
            got[partition].append(batch)
        return all(got[p] and got[p][-1].stop == stop for p, stop in stops.items())

    poll_until(reader, take, most)
    return got


def values(batches: list[Batch]) -> list[bytes | None]:
    return [record.value for batch in batches for record in batch.records]


def assert_contiguous(batches: list[Batch], start: int) -> None:
    for batch in batches:
        offsets = [record.offset for record in batch.records]
        assert batch.start == start < batch.stop
        assert offsets == sorted(set(offsets))
        assert all(start <= offset < batch.stop for offset in offsets)
        start = batch.stop


# Topics


def test_a_missing_topic_is_named_and_not_created(rig: Rig) -> None:
    for ask in (rig.log.partitions, rig.log.topic_id, rig.log.bounds, rig.log.tail):
        with pytest.raises(TopicMissing, match="nowhere"):
            ask("nowhere")
    with pytest.raises(TopicMissing):
        rig.log.reader("nowhere", "g")
    with pytest.raises(TopicMissing):
        list(rig.log.read("nowhere", 0, 0, 1))
    assert rig.log.topic("nowhere") is None


def test_a_topic_is_made_once_and_described(rig: Rig) -> None:
    topic = new_topic(rig, 3, retention_ms="-1")
    assert not rig.log.create(TopicSpec(topic, 5))
    found = rig.log.topic(topic)
    assert found is not None
    assert (found.partitions, found.config["retention.ms"]) == (3, "-1")
    assert rig.log.partitions(topic) == 3


def test_a_topic_made_again_has_another_id(rig: Rig) -> None:
    topic = new_topic(rig)
    before, cluster = rig.log.topic_id(topic), rig.log.cluster_id()
    rig.delete(topic)
    rig.log.create(TopicSpec(topic, 1))
    assert rig.log.topic_id(topic) != before
    assert rig.log.cluster_id() == cluster != ""


# Producer


def test_offsets_come_back_in_order_and_records_keep_their_bytes(rig: Rig) -> None:
    topic = new_topic(rig)
    producer = rig.log.producer()
    before = time.time_ns() // 1_000_000
    headers = [("h", b"\x00\xff"), ("h", b"2")]
    sent = [
        producer.send(topic, 0, None, b"one"),
        producer.send(topic, 0, b"\xff", None, headers),
        producer.send(topic, 0, "ключ".encode(), b"", []),
    ]
    producer.flush(PATIENCE)
    producer.close()
    assert [answer.result(0) for answer in sent] == [0, 1, 2]
    got = list(rig.log.read(topic, 0, 0, 3))
    assert [(r.partition, r.offset, r.key, r.value) for r in got] == [
        (0, 0, None, b"one"),
        (0, 1, b"\xff", None),
        (0, 2, "ключ".encode(), b""),
    ]
    assert [list(r.headers) for r in got] == [[], headers, []]
    assert all(before - 1000 <= r.timestamp <= time.time_ns() // 1_000_000 + 1000 for r in got)
    assert [r.leader_epoch for r in got] == [0, 0, 0]


def test_a_failed_send_comes_by_its_future_and_by_flush(rig: Rig) -> None:
    topic = new_topic(rig, max_message_bytes="2000")
    producer = rig.log.producer()
    large = producer.send(topic, 0, b"k", b"x" * 20_000)
    with pytest.raises(LogRefused):
        producer.flush(PATIENCE)
    assert isinstance(large.exception(0), LogRefused)
    assert isinstance(producer.send(topic, 7, b"k", b"x").exception(PATIENCE), LogRefused)
    with pytest.raises(LogRefused):
        producer.flush(PATIENCE)
    good = producer.send(topic, 0, b"k", b"x")
    producer.flush(PATIENCE)
    producer.close()
    producer.close()
    assert good.result(0) == 0


def test_a_batch_is_written_whole_and_in_order_with_what_is_sent_beside_it(rig: Rig) -> None:
    topic = new_topic(rig, 2)
    producer = rig.log.producer()
    batch = [(f"k{i}".encode(), bytes([i % 256]) * (i * 7 % 900)) for i in range(3000)]
    odd = [(None, b"keyless"), (b"valueless", None), (b"", b""), (b"\xff", b"\x00" * 100_000)]
    before = producer.send(topic, 0, b"k", b"before")
    first = producer.send_batch(topic, 0, batch)
    between = producer.send(topic, 0, b"k", b"between", [("h", b"1")])
    rest = [
        producer.send_batch(topic, 0, odd),
        producer.send_batch(topic, 0, batch[:1]),
        producer.send_batch(topic, 1, batch[:2]),
    ]
    producer.flush(PATIENCE)
    producer.close()
    assert (before.result(0), first.result(0), between.result(0)) == (0, [*range(1, 3001)], 3001)
    assert [answer.result(0) for answer in rest] == [[3002, 3003, 3004, 3005], [3006], [0, 1]]
    got = list(rig.log.read(topic, 0, 0, 4000))
    assert [r.offset for r in got] == list(range(3007))
    assert [(r.key, r.value) for r in got] == [(b"k", b"before"), *batch, (b"k", b"between"), *odd, batch[0]]
    assert [list(r.headers) for r in got if r.headers] == [[("h", b"1")]]
    assert all(r.timestamp >= got[0].timestamp for r in got)
    assert [(r.key, r.value) for r in rig.log.read(topic, 1, 0, 4)] == batch[:2]


def test_a_batchs_messages_keep_their_headers(rig: Rig) -> None:
    topic = new_topic(rig)
    producer = rig.log.producer()
    two: list[list[Header]] = [[("h", b"%d" % i), ("long \u00e9", b"x" * i)] for i in range(1000)]
    headers = [each[: i % 3] for i, each in enumerate(two)]
    headers += [[("", b""), ("", b"")], [("h", b"y" * 300_000)], [("h", b"1")] * 200]
    batch = [(b"k%d" % i, b"v" * (i % 300)) for i in range(len(headers))]
    sent = producer.send_batch(topic, 0, batch, headers)
    producer.flush(PATIENCE)
    producer.close()
    assert sent.result(0) == [*range(len(batch))]
    got = list(rig.log.read(topic, 0, 0, 4000))
    assert [(r.key, r.value) for r in got] == batch
    assert [list(r.headers) for r in got] == headers


def test_a_batch_larger_than_the_topic_takes_is_sent_in_parts(rig: Rig) -> None:
    topic = new_topic(rig, max_message_bytes="2000")
    producer = rig.log.producer()
    batch = [(b"k%d" % i, b"x" * 400) for i in range(100)]
    sent = [producer.send_batch(topic, 0, batch), producer.send_batch(topic, 0, batch)]
    producer.flush(PATIENCE)
    producer.close()
    assert [answer.result(0) for answer in sent] == [[*range(100)], [*range(100, 200)]]
    assert [(r.key, r.value) for r in rig.log.read(topic, 0, 0, 300)] == batch * 2


def test_a_batch_with_a_message_that_is_too_large_fails_by_its_future_and_by_flush(rig: Rig) -> None:
    topic = new_topic(rig, max_message_bytes="2000")
    producer = rig.log.producer()
    refused = producer.send_batch(topic, 0, [(b"k", b"small"), (b"k", b"x" * 20_000), (b"k", b"small")])
    with pytest.raises(LogRefused):
        producer.flush(PATIENCE)
    assert isinstance(refused.exception(0), LogRefused)
    assert isinstance(producer.send_batch(topic, 7, [(b"k", b"x")]).exception(PATIENCE), LogRefused)
    with pytest.raises(LogRefused):
        producer.flush(PATIENCE)
    good = producer.send_batch(topic, 0, [(b"k", b"last"), (b"k", b"very last")])
    producer.flush(PATIENCE)
    producer.close()
    offset, _ = good.result(0)
    assert [r.value for r in rig.log.read(topic, 0, offset, offset + 5)] == [b"last", b"very last"]
    assert isinstance(producer.send_batch(topic, 0, [(b"k", b"x")]).exception(PATIENCE), LogUnavailable)


# Bounds and intervals


def test_bounds_follow_the_log(rig: Rig) -> None:
    topic = new_topic(rig, 2)
    fill(rig, topic, 1, numbered(5))
    assert rig.log.bounds(topic) == {0: (0, 0), 1: (0, 5)}
    rig.gap(topic, 1, 3)
    rig.truncate(topic, 1, 2)
    assert rig.log.bounds(topic) == {0: (0, 0), 1: (2, 8)}


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 5, [2, 3, 4]),
        (3, 4, [3]),
        (3, 9, [3, 4, 8]),
        (5, 9, [8]),
        (0, 100, [2, 3, 4, 8, 11]),
        *((5, 8, []), (8, 8, []), (9, 3, []), (100, 200, []), (0, 2, []), (9, 11, [])),
    ],
)
def test_an_interval_gives_what_is_left_of_it(rig: Rig, start: int, stop: int, expected: list[int]) -> None:
    topic = ruined_topic(rig)
    assert [record.offset for record in rig.log.read(topic, 0, start, stop)] == expected


RUINED: dict[int, str] = {}


def ruined_topic(rig: Rig) -> str:
    """Offsets 0-1 truncated, 2-4 there, 5-7 a gap, 8 there, 9-10 a gap, 11 there, 12-14 a gap."""
    if id(rig.log) not in RUINED:
        topic = new_topic(rig)
        fill(rig, topic, 0, numbered(5))
        rig.gap(topic, 0, 3)
        assert fill(rig, topic, 0, [b"eight"]) == [8]
        rig.gap(topic, 0, 2)
        assert fill(rig, topic, 0, [b"eleven"]) == [11]
        rig.gap(topic, 0, 3)
        rig.truncate(topic, 0, 2)
        RUINED[id(rig.log)] = topic
    return RUINED[id(rig.log)]


def test_a_time_has_the_offset_of_the_first_record_from_then_on(rig: Rig) -> None:
    topic = new_topic(rig)
    assert rig.log.offset_at(topic, 0, 0) == 0
    for value in numbered(3):
        fill(rig, topic, 0, [value])
        time.sleep(0.02)  # the broker's clock has ms
    times = [record.timestamp for record in rig.log.read(topic, 0, 0, 3)]
    assert [rig.log.offset_at(topic, 0, at) for at in (-1, times[0], times[1], times[1] + 1)] == [0, 0, 1, 2]
    assert rig.log.offset_at(topic, 0, times[2] + 1) == 3


def test_an_interval_left_half_read_frees_its_consumer(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(10))
    found = iter(rig.log.read(topic, 0, 0, 10))
    assert next(found).offset == 0
    del found
    assert len(list(rig.log.read(topic, 0, 0, 10))) == 10


# Reader


def test_batches_are_contiguous_intervals_over_gaps(rig: Rig) -> None:
    topic = ruined_topic(rig)
    with reading(rig, topic, "contiguous") as reader:
        joined(reader, 1)
        reader.seek(0, 2)
        got = drain(reader, {0: 15}, most=2)[0]
    assert_contiguous(got, 2)
    assert [r.offset for batch in got for r in batch.records] == [2, 3, 4, 8, 11]
    assert all(len(batch.records) <= 2 for batch in got)
    assert got[-1].stop == 15


def test_nothing_is_fetched_before_a_seek(rig: Rig) -> None:
    topic = new_topic(rig, 2)
    fill(rig, topic, 0, numbered(3))
    fill(rig, topic, 1, numbered(3))
    with reading(rig, topic) as reader:
        assert poll_until(reader, lambda polled: polled.batches or len(polled.assigned) == 2).batches == {}
        reader.seek(1, 0)
        assert values(drain(reader, {1: 3})[1]) == numbered(3)
        for _ in range(5):
            assert 0 not in reader.poll(0.2, 100).batches
        reader.seek(0, 1)
        assert values(drain(reader, {0: 3})[0]) == [b"v1", b"v2"]


def test_a_committed_offset_starts_nothing(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(3))
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.seek(0, 0)
        drain(reader, {0: 3})
        reader.commit({0: 1, 9: 4})
        poll_until(reader, lambda _: rig.committed(topic, f"group-{topic}") == {0: 1})
    with reading(rig, topic) as reader:
        joined(reader, 1)
        assert [reader.poll(0.2, 100).batches for _ in range(5)] == [{}] * 5
        reader.seek(0, 2)
        assert values(drain(reader, {0: 3})[0]) == [b"v2"]


def test_a_seek_drops_what_was_fetched(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(100))
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.seek(0, 0)
        poll_until(reader, lambda polled: polled.batches, most=10)
        reader.seek(0, 3)
        got = drain(reader, {0: 100}, most=10)[0]
    assert_contiguous(got, 3)
    assert values(got) == numbered(100)[3:]


def test_new_records_arrive_after_the_end_was_reached(rig: Rig) -> None:
    topic = new_topic(rig)
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.seek(0, 0)
        assert reader.poll(0.2, 10) == ({}, reader.poll(0, 10).assigned, {})
        fill(rig, topic, 0, [b"late"])
        assert values(drain(reader, {0: 1})[0]) == [b"late"]


def test_a_paused_partition_keeps_its_position(rig: Rig) -> None:
    topic = new_topic(rig, 2)
    for partition in (0, 1):
        fill(rig, topic, partition, numbered(50))
    with reading(rig, topic) as reader:
        joined(reader, 2)
        reader.pause(0)
        reader.seek(0, 10)
        reader.seek(1, 0)
        got = drain(reader, {1: 50}, most=20)
        assert values(got[1]) == numbered(50)
        assert [reader.poll(0.2, 100).batches for _ in range(3)] == [{}] * 3
        reader.resume(0)
        got = drain(reader, {0: 50}, most=20)
        assert_contiguous(got[0], 10)
        assert values(got[0]) == numbered(50)[10:]


def test_partitions_take_turns(rig: Rig) -> None:
    """A deletion beside a backlog of another partition, and a partition that was claimed beside one, would wait."""
    topic, each = new_topic(rig, 3), 1000
    for partition in range(3):
        fill(rig, topic, partition, numbered(each))
    read = Counter[int]()

    def take(polled: Polled) -> bool:
        read.update({partition: len(batch.records) for partition, batch in polled.batches.items()})
        return max(read.values(), default=0) >= each

    def take_slowly(polled: Polled) -> bool:
        time.sleep(0.01)  # the client fetches what is asked for while it has other records in hand
        return take(polled) or 2 in read

    with reading(rig, topic) as reader:
        joined(reader, 3)
        reader.seek(0, 0)
        reader.seek(1, 0)
        poll_until(reader, lambda polled: take(polled) or len(read) == 2, most=1)
        reader.seek(2, 0)
        poll_until(reader, take_slowly, most=1)
        assert max(read.values()) < each
        poll_until(reader, take, most=7)
    assert min(read.values()) > each // 2


def test_resume_never_starts_what_was_not_sought(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(3))
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.resume(0)
        reader.resume(8)
        reader.pause(8)
        reader.seek(8, 0)
        assert [reader.poll(0.2, 100).batches for _ in range(3)] == [{}] * 3


@pytest.mark.parametrize("position", [1, 99])
def test_a_position_outside_of_the_log_is_lost_and_the_others_go_on(rig: Rig, position: int) -> None:
    topic = new_topic(rig, 2)
    for partition in (0, 1):
        fill(rig, topic, partition, numbered(10))
    rig.truncate(topic, 0, 5)
    with reading(rig, topic) as reader:
        joined(reader, 2)
        reader.seek(0, position)
        reader.seek(1, 0)
        polled = poll_until(reader, lambda polled: polled.lost)
        assert list(polled.lost) == [0]
        assert str(position) in polled.lost[0]
        fill(rig, topic, 1, [b"more"])
        poll_until(reader, lambda polled: 1 in polled.batches and polled.batches[1].stop == 11)
        assert list(reader.poll(0, 10).lost) == [0]
        reader.seek(0, 7)
        assert values(drain(reader, {0: 10})[0]) == numbered(10)[7:]
        assert reader.poll(0, 10).lost == {}


def test_a_position_at_the_end_is_not_lost(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(4))
    rig.truncate(topic, 0, 4)
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.seek(0, 4)
        assert [reader.poll(0.2, 10)[::2] for _ in range(3)] == [({}, {})] * 3


def test_retention_that_overtakes_a_reader_is_lost(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(4))
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.pause(0)
        reader.seek(0, 0)
        reader.poll(0, 10)
        rig.truncate(topic, 0, 3)
        reader.resume(0)
        assert list(poll_until(reader, lambda polled: polled.lost).lost) == [0]


def test_members_share_the_partitions_and_take_over(rig: Rig) -> None:
    topic = new_topic(rig, 4)
    for partition in range(4):
        fill(rig, topic, partition, numbered(20, f"p{partition}-"))
    with reading(rig, topic) as first:
        alone = dict(joined(first, 4))
        for partition in range(4):
            first.seek(partition, 0)
        assert_contiguous(drain(first, dict.fromkeys(range(4), 20))[3], 0)
        second = rig.log.reader(topic, f"group-{topic}")
        shared = settle(first, second)
        assert shared[0].keys() | shared[1].keys() == set(range(4))
        assert not shared[0].keys() & shared[1].keys()
        for partition in shared[1]:
            second.seek(partition, 15)
        got = drain(second, dict.fromkeys(shared[1], 20))
        assert all(len(values(batches)) == 5 for batches in got.values())
        second.close()
        again = dict(joined(first, 4))
    taken = shared[1].keys()
    assert all(again[p] > max(alone.values()) for p in taken)


def settle(first: Reader, second: Reader) -> tuple[Mapping[int, int], Mapping[int, int]]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        a, b = first.poll(0.1, 100).assigned, second.poll(0.1, 100).assigned
        if len(a) == len(b) == 2:
            return a, b
    raise AssertionError("the group never settled")


def test_a_new_assignment_is_not_fetched_by_the_old_seek(rig: Rig) -> None:
    topic = new_topic(rig, 2)
    with reading(rig, topic) as first:
        joined(first, 2)
        for partition in (0, 1):
            first.seek(partition, 0)
        with reading(rig, topic) as second:
            poll_both(first, second, lambda a, b: len(a) == len(b) == 1)
        joined(first, 2)
        back = max(first.poll(0, 1).assigned.items(), key=lambda item: item[1])[0]
        fill(rig, topic, back, numbered(3))
        assert all(back not in first.poll(0.2, 10).batches for _ in range(4))
        first.seek(back, 0)
        assert values(drain(first, {back: 3})[back]) == numbered(3)


def poll_both(first: Reader, second: Reader, done: Callable[[Mapping[int, int], Mapping[int, int]], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if done(first.poll(0.1, 100).assigned, second.poll(0.1, 100).assigned):
            return
    raise AssertionError("the group never settled")


def test_a_join_that_ends_between_two_polls_is_not_lost(rig: Rig) -> None:
    topic = new_topic(rig, 2)
    with reading(rig, topic) as reader:
        deadline = time.monotonic() + PATIENCE
        while len(reader.poll(0.001, 10).assigned) < 2 and time.monotonic() < deadline:
            time.sleep(0.15)
        assert len(reader.poll(0, 10).assigned) == 2


def test_closing_twice_is_safe(rig: Rig) -> None:
    topic = new_topic(rig)
    reader = rig.log.reader(topic, "twice")
    joined(reader, 1)
    reader.close()
    reader.close()


# Tail


def tail_all(rig: Rig, topic: str) -> tuple[list[Record], int]:
    tail = rig.log.tail(topic)
    end, got = tail.end(), []
    deadline = time.monotonic() + PATIENCE
    while tail.position < end and time.monotonic() < deadline:
        got += tail.poll(0.2)
    position = tail.position
    tail.close()
    return got, position


def test_a_tail_reads_from_the_logs_start_to_its_end_over_gaps(rig: Rig) -> None:
    got, position = tail_all(rig, ruined_topic(rig))
    assert [record.offset for record in got] == [2, 3, 4, 8, 11]
    assert position == 15


def test_a_tail_follows(rig: Rig) -> None:
    topic = new_topic(rig)
    tail = rig.log.tail(topic)
    assert (tail.position, tail.end(), tail.poll(0.1)) == (0, 0, [])
    fill(rig, topic, 0, [b"a", b"b"])
    got: list[Record] = []
    deadline = time.monotonic() + PATIENCE
    while len(got) < 2 and time.monotonic() < deadline:
        got += tail.poll(0.2)
    assert ([record.value for record in got], tail.position, tail.end()) == ([b"a", b"b"], 2, 2)
    tail.close()


def test_a_tail_outside_of_its_log_says_so(rig: Rig) -> None:
    topic = new_topic(rig)
    tail = rig.log.tail(topic)
    fill(rig, topic, 0, numbered(5))
    rig.truncate(topic, 0, 3)
    with pytest.raises(LogDiverged, match=topic):
        tail.poll(PATIENCE)
    tail.close()


# Follower


def test_a_follower_reads_each_partition_from_its_offset_on_over_gaps_and_what_retention_took(rig: Rig) -> None:
    topic = new_topic(rig, partitions=3)
    fill(rig, topic, 0, numbered(5))
    rig.truncate(topic, 0, 2)
    fill(rig, topic, 1, numbered(3))
    rig.gap(topic, 1, 2)
    follower = rig.log.follow(topic, {0: 0, 1: 1})
    got: set[tuple[int, int]] = set()

    def read_to(ends: Mapping[int, int]) -> None:
        assert follower.ends() == ends
        deadline = time.monotonic() + PATIENCE
        while follower.positions != ends and time.monotonic() < deadline:
            got.update((p, record.offset) for p, records in follower.poll(0.2).items() for record in records)
        assert follower.positions == ends

    read_to({0: 5, 1: 5})
    assert got == {(0, 2), (0, 3), (0, 4), (1, 1), (1, 2)}
    assert follower.poll(0) == {}
    fill(rig, topic, 1, [b"new"])
    fill(rig, topic, 2, [b"elsewhere"])
    read_to({0: 5, 1: 6})
    assert (1, 5) in got
    assert len(got) == 6
    follower.close()


def test_a_follower_outside_of_its_log_says_so(rig: Rig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(5))
    follower = rig.log.follow(topic, {0: 9})
    with pytest.raises(LogDiverged, match=topic):
        follower.poll(PATIENCE)
    follower.close()
