"""Batches as other producers make them: every codec, what can't be decoded, what unpacks without end, pauses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import kafka.codec
import pytest
from kafka import KafkaProducer

from tests.integration.log.conftest import KafkaRig
from tests.log_suite import assert_contiguous, drain, fill, joined, new_topic, numbered, poll_until, reading, values
from unlearn.errors import LogUnreadable
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Reader

CODECS = ("gzip", "snappy", "lz4", "zstd")
LARGE = 3 * 1024 * 1024
NAMED_WITHIN = 30.0
"""Seconds until a reader has said what it can't read, or has passed it over: many tests here wait for that."""
UNNAMED = f"in {NAMED_WITHIN:g} s the reader said nothing of the records that it can't read"


def send(rig: KafkaRig, codec: str | None, topic: str, partition: int, contents: list[bytes]) -> None:
    """One batch by another producer."""
    options: dict[str, Any] = {"linger_ms": 500, "batch_size": 2 * LARGE, "max_request_size": 4 * LARGE}
    producer = KafkaProducer(bootstrap_servers=rig.settings.bootstrap_servers, compression_type=codec, **options)
    sent = [producer.send(topic, content, partition=partition) for content in contents]
    producer.flush(30)
    assert all(answer.get(30) for answer in sent)
    producer.close()


@pytest.fixture
def small(rig: KafkaRig) -> Iterator[KafkaLog]:
    """A log whose batches may unpack to one MiB."""
    log = KafkaLog(rig.settings.model_copy(update={"batch_bytes": 1024 * 1024}))
    yield log
    log.close()


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_any_codec_is_read(rig: KafkaRig, codec: str) -> None:
    topic = new_topic(rig)
    contents = [b"%d %s" % (i, b"again and " * 100) for i in range(300)]
    send(rig, codec, topic, 0, contents)
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.seek(0, 0)
        batches = drain(reader, {0: 300}, most=70)[0]
    assert_contiguous(batches, 0)
    assert values(batches) == contents
    assert [record.value for record in rig.log.read(topic, 0, 100, 200)] == contents[100:200]


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_codec_the_client_lacks_stops_its_partition_only(
    rig: KafkaRig, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic(rig, 2)
    fill(rig, topic, 0, numbered(3))
    send(rig, codec, topic, 0, [b"lost and " * 100] * 4)
    fill(rig, topic, 0, [b"after"])
    monkeypatch.setattr(kafka.codec, f"has_{codec}", lambda: False)
    assert_stands_at_3_of_8(rig, rig.log, topic, "UnsupportedCodecError")


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_that_unpacks_too_far_stops_its_partition_only(rig: KafkaRig, small: KafkaLog, codec: str) -> None:
    topic = new_topic(rig, 2)
    fill(rig, topic, 0, numbered(3))
    send(rig, codec, topic, 0, [bytes(LARGE), b"b", b"c", b"d"])
    fill(rig, topic, 0, [b"after"])
    assert_stands_at_3_of_8(rig, small, topic, "more than 1048576 bytes")


def assert_stands_at_3_of_8(rig: KafkaRig, log: KafkaLog, topic: str, words: str) -> None:
    """Offsets 3 to 6 of partition 0 can't be read; it says so, and all else is read."""
    reader = log.reader(topic, f"group-{topic}")
    try:
        joined(reader, 2)
        reader.seek(0, 0)
        reader.seek(1, 0)
        batches = read_until_lost(reader)
        assert values(batches) == numbered(3)
        polled = reader.poll(0, 10)
        assert list(polled.lost) == [0]
        assert "position 3" in polled.lost[0]
        assert words in polled.lost[0]
        assert reader.unreadable[0][:2] == (3, 7)
        assert reader.unreadable[0].since > 0
        fill(rig, topic, 1, [b"more"])
        poll_until(reader, lambda polled: 1 in polled.batches and polled.batches[1].stop == 1)
        # Tried again it is the same; stepped over it goes on.
        reader.seek(0, 3)
        assert poll_until(reader, lambda again: again.lost, seconds=NAMED_WITHIN, what=UNNAMED).lost == polled.lost
        reader.seek(0, 7)
        assert values(drain(reader, {0: 8})[0]) == [b"after"]
        assert reader.unreadable == {}
    finally:
        reader.close()
    with pytest.raises(LogUnreadable, match="position 3") as raised:
        list(log.read(topic, 0, 0, 8))
    assert raised.value.offset == 3
    assert [record.value for record in log.read(topic, 0, 0, 3)] == numbered(3)
    assert [record.value for record in log.read(topic, 0, 7, 8)] == [b"after"]


def read_until_lost(reader: Reader) -> list[Any]:
    batches: list[Any] = []

    def done(polled: Any) -> bool:
        batches.extend(polled.batches.values())
        return bool(polled.lost)

    poll_until(reader, done, seconds=NAMED_WITHIN, what=UNNAMED)
    return batches


def test_what_others_put_on_the_results_topic_is_passed_over_where_it_cant_be_read(
    rig: KafkaRig, small: KafkaLog
) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, [b"ours"])
    send(rig, "gzip", topic, 0, [bytes(LARGE), b"foreign"])
    fill(rig, topic, 0, [b"ours again"])
    tail = small.tail(topic)
    found: list[bytes | None] = []
    deadline = time.monotonic() + NAMED_WITHIN
    while tail.position < tail.end():
        assert time.monotonic() < deadline, f"the tail stands at {tail.position}, before the end at {tail.end()}"
        found += [record.value for record in tail.poll(1)]
    tail.close()
    assert found == [b"ours", b"ours again"]


def test_every_partition_is_read_again_after_a_pause_of_all(rig: KafkaRig) -> None:
    partitions, each = 4, 500
    topic = new_topic(rig, partitions)
    for partition in range(partitions):
        fill(rig, topic, partition, numbered(each))
    with reading(rig, topic) as reader:
        joined(reader, partitions)
        got: dict[int, list[Any]] = {partition: [] for partition in range(partitions)}
        for partition in range(partitions):
            reader.seek(partition, 0)

        def keep(polled: Any) -> bool:
            for partition, batch in polled.batches.items():
                got[partition].append(batch)
            return all(batches and batches[-1].stop == each for batches in got.values())

        # Given all but one are paused in the midst of what the client holds of them, and that one at its end.
        halted: set[int] = set()
        deadline = time.monotonic() + 120
        while len(halted) < partitions - 1:
            assert time.monotonic() < deadline, f"of {partitions} only {halted} could be paused in their midst"
            polled = reader.poll(0.2, 20)
            keep(polled)
            for partition, batch in polled.batches.items():
                if batch.stop < each and partition not in halted and len(halted) < partitions - 1:
                    reader.pause(partition)
                    halted.add(partition)
        (last,) = set(range(partitions)) - halted
        poll_until(reader, lambda polled: keep(polled) or got[last][-1].stop == each, 20)
        reader.pause(last)
        keep(reader.poll(0.2, 20))
        for partition in range(partitions):
            reader.resume(partition)
        poll_until(reader, keep)
    for batches in got.values():
        assert_contiguous(batches, 0)
        assert values(batches) == numbered(each)
