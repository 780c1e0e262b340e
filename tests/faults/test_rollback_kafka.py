"""The same with real processes, Kafka and Redis: back by a second, by a minute, to nothing, under a live owner."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.breakable_services import RewindableRedis
from tests.harness.kafka_harness import KafkaHarness
from tests.harness.processes import Process
from tests.harness.waiting import until
from unlearn.partition.tables import Tables
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]
PARTITIONS = 2


def test_back_by_a_second_and_to_nothing(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(
        partitions=PARTITIONS,
        shards_per_partition=2,
        features=2**12,
        slice_span=100,
        seal_after=0.5,
        heartbeat_every=0.5,
        lease=4.0,
        trainers=0,
    )
    harness = KafkaHarness(settings)
    try:
        with Process(settings, tmp_path, "work") as worker:
            go_back_a_second(harness)
            lose_everything(harness, worker)
            assert worker.stop() == 0
            assert worker.counters()["rolled_back"] >= 3 * PARTITIONS, "scripts twice, a claim once"
        rebuild(harness, tmp_path)
    finally:
        harness.close()


def go_back_a_second(harness: KafkaHarness) -> None:
    harness.insert(range(400))
    until(harness.covered, 60, "all is published")
    until(lambda: not harness.left_out, 60, "the scorer serves all partitions")
    past, counters = harness.remember(), harness.counters()
    harness.delete(range(0, 400, 20))
    harness.insert(range(400, 440))
    harness.wait_hidden(range(0, 400, 20), 60)
    until(harness.covered, 60, "all is published")

    harness.roll_back(past)
    until(lambda: all(new > old for new, old in zip(harness.counters(), counters, strict=True)), 60, "claimed again")
    until(harness.covered, 60, "all is published again")
    assert harness.look_afresh() == PARTITIONS
    until(lambda: not harness.left_out, 60, "the scorer serves all partitions again")
    until(harness.look, 60, "the scorer serves none of the gone")


def lose_everything(harness: KafkaHarness, worker: Process) -> None:
    harness.roll_back({})
    until(lambda: len(worker.said("is stopped")) == PARTITIONS, 60, "the owner stops")
    assert all("--rebuild" in words for words in worker.said("is stopped"))
    harness.look_afresh(5.0)
    until(lambda: len(harness.left_out) == PARTITIONS, 60, "the leases run out")


def rebuild(harness: KafkaHarness, folder: Path) -> None:
    with Process(harness.settings, folder, "work", "--rebuild") as worker:
        until(harness.covered, 60, "all is built again")
        assert harness.look_afresh() == PARTITIONS
        until(lambda: not harness.left_out, 60, "the scorer serves all partitions again")
        assert worker.stop() == 0
        assert worker.counters()["rolled_back"] == PARTITIONS
        assert worker.counters()["inserts"] == 440
    assert harness.verdicts() == {"equal"}
    assert harness.looks > 8


@pytest.fixture
def aged(make_settings: MakeSettings, own_redis: RewindableRedis) -> Iterator[KafkaHarness]:
    """On a Redis of its own. What is dead leaves the files at once, and files that nobody needs go soon."""
    settings = make_settings(
        partitions=PARTITIONS,
        shards_per_partition=2,
        features=2**12,
        slice_span=50,
        batch_records=10,
        seal_after=0.5,
        heartbeat_every=0.5,
        lease=4.0,
        trainers=0,
        erase_after=0.0,
        garbage_grace=0.5,
        redis={"url": own_redis.url},
    )
    harness = KafkaHarness(settings)
    yield harness
    harness.close()


def test_back_by_many_batches_while_events_come(aged: KafkaHarness, own_redis: RewindableRedis, tmp_path: Path) -> None:
    go_back_far(aged, own_redis, tmp_path, rounds=6, pause=0.0)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_back_by_a_minute_while_events_come(aged: KafkaHarness, own_redis: RewindableRedis, tmp_path: Path) -> None:
    go_back_far(aged, own_redis, tmp_path, rounds=20, pause=3.0)


def go_back_far(harness: KafkaHarness, own_redis: RewindableRedis, folder: Path, rounds: int, pause: float) -> None:
    """Redis dies, and comes back with its append-only file of long ago; across rewritten files, under a live owner."""
    with Process(harness.settings, folder, "work") as worker:
        harness.insert(range(400))
        until(harness.covered, 60, "all is published")
        until(lambda: not harness.left_out, 60, "the scorer serves all partitions")
        until(lambda: files_of(harness.views()), 60, "slices have ended")
        old, files = data_with_files(harness, own_redis)
        before = harness.views()
        for number in range(rounds):
            harness.delete(range(number, 400, 20))
            harness.insert(range(400 + number * 20, 420 + number * 20))
            harness.wait_hidden(range(number, 400, 20), 60)
            pausing = time.monotonic() + pause
            until(lambda: harness.covered() and time.monotonic() >= pausing, 60, "all is published")  # noqa: B023
        until(lambda: files - kept(harness.settings), 60, "files of long ago are gone")
        now, counters = harness.views(), harness.counters()
        assert all(new.applied > then.applied for new, then in zip(now, before, strict=True))
        assert all(new.writes - then.writes > 5 * rounds for new, then in zip(now, before, strict=True))

        harness.delete(range(19, 400, 20))
        harness.insert(range(1000, 1100))
        own_redis.restart_with(old)
        harness.client.connection_pool.disconnect()
        harness.delete(range(1000, 1100, 10))

        until(
            lambda: all(new > old for new, old in zip(harness.counters(), counters, strict=True)), 60, "claimed again"
        )
        harness.wait_hidden([*range(19, 400, 20), *range(1000, 1100, 10)], 60)
        until(harness.covered, 60, "all is published again")
        assert harness.look_afresh() == PARTITIONS
        until(lambda: not harness.left_out, 60, "the scorer serves all partitions again")
        until(harness.look, 60, "the scorer serves none of the gone")
        until(lambda: harness.verdicts() == {"equal"}, 60, "all is learned")
        since = [m for _, m in harness.manifests() if m.token.counter > counters[m.partition]]
        assert since
        assert all(m.applied >= now[m.partition].number("published_applied") for m in since)
        assert worker.said("catching up to")
        assert worker.stop() == 0
        counted = worker.counters()
    assert counted["rolled_back"] >= PARTITIONS
    assert counted["slices_repaired"] >= 1
    assert not counted["slices_lost"]
    assert harness.looks > 2 * rounds


def data_with_files(harness: KafkaHarness, own_redis: RewindableRedis) -> tuple[Any, set[str]]:
    """What Redis has on disk, and the slice files that it names: none was entered or replaced meanwhile."""
    while True:
        files, data = files_of(harness.views()), own_redis.data
        if files_of(harness.views()) == files:
            return data, files


def files_of(views: list[Tables]) -> set[str]:
    return {held.file for view in views for held in view.slices.values() if held.file}


def kept(settings: Settings) -> set[str]:
    store: Any = open_store(settings.store, settings.model)
    return {name for p in range(PARTITIONS) for name, *_ in store.names(f"{p}/")}
