"""A client that forgets a partition, whatever the cause, is found out, named and made anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.kafka_harness import WorkerOnKafka
from unlearn.log.kafka.reader import KafkaReader
from unlearn.worker.standstill import Standstill

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, kafka)
    made.tweets(60)
    made.rest()
    yield made
    made.close()


def forget_to_fetch(harness: WorkerOnKafka, partition: int) -> None:
    reader = harness.worker._reader
    assert isinstance(reader, KafkaReader)
    fetcher = reader._consumer._fetcher
    fetchable = fetcher._fetchable_partitions
    fetcher._fetchable_partitions = lambda: [tp for tp in fetchable() if tp.partition != partition]
    for held in (fetcher._paused_completed_fetches, fetcher._paused_partition_records, fetcher._completed_fetches):
        held.clear()


def test_a_partition_that_is_not_read_is_named_and_read_anew(
    harness: WorkerOnKafka, caplog: pytest.LogCaptureFixture
) -> None:
    forget_to_fetch(harness, 0)
    still = Standstill(harness.worker.bounds, patience=2.0, every=1.0)
    before = harness.worker._reader
    harness.tweets(60, seed=2)
    harness.forget()
    trouble: list[str] = []

    def read_anew() -> bool:
        stuck = still.look(harness.worker.reading)
        if stuck:
            with caplog.at_level(logging.ERROR):
                harness.worker.read_anew(stuck)
            trouble.append(harness.status().partitions[0].trouble or "")
        return harness.worker._reader is not before

    harness.turn_until(read_anew, 90)
    harness.rest()

    assert trouble
    assert all("nothing is read from" in words for words in trouble)
    assert "partition 0: nothing is read from" in caplog.text
    assert harness.counts["read_anew"] == 1
    assert harness.worker.stopped == {}
    assert "gone" in harness.event_ids("hidden")
    assert harness.verdict() == "equal"


def test_partitions_that_are_idle_are_left_alone(harness: WorkerOnKafka) -> None:
    asked: list[int] = []

    def bounds() -> dict[int, tuple[int, int]]:
        asked.append(1)
        return harness.worker.bounds()

    still = Standstill(bounds, patience=0.2, every=0.1)

    def looked() -> bool:
        assert still.look(harness.worker.reading) == {}
        return len(asked) >= 5

    harness.turn_until(looked, 60)
