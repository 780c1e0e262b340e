"""The same with real processes, Kafka and Redis: back by a second, by a minute, to nothing, under a live owner."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.faults.field import Field
from tests.faults.past import OwnRedis
from tests.integration.processes import Process, until
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
    field = Field(settings)
    try:
        with Process(settings, tmp_path, "work") as worker:
            go_back_a_second(field)
            lose_everything(field, worker)
            assert worker.stop() == 0
            assert worker.counters()["rolled_back"] >= 3 * PARTITIONS, "scripts twice, a claim once"
        rebuild(field, tmp_path)
    finally:
        field.close()


def go_back_a_second(field: Field) -> None:
    field.insert(range(400))
    until(field.covered, 60, "all is published")
    until(lambda: not field.left_out, 60, "the scorer serves all partitions")
    past, counters = field.remember(), field.counters()
    field.delete(range(0, 400, 20))
    field.insert(range(400, 440))
    field.wait_hidden(range(0, 400, 20), 60)
    until(field.covered, 60, "all is published")

    field.roll_back(past)
    until(lambda: all(new > old for new, old in zip(field.counters(), counters, strict=True)), 60, "claimed again")
    until(field.covered, 60, "all is published again")
    assert field.look_afresh() == PARTITIONS
    until(lambda: not field.left_out, 60, "the scorer serves all partitions again")
    until(field.look, 60, "the scorer serves none of the gone")


def lose_everything(field: Field, worker: Process) -> None:
    field.roll_back({})
    until(lambda: len(worker.said("is stopped")) == PARTITIONS, 60, "the owner stops")
    assert all("--rebuild" in words for words in worker.said("is stopped"))
    field.look_afresh()
    until(lambda: len(field.left_out) == PARTITIONS, 60, "the leases run out")


def rebuild(field: Field, folder: Path) -> None:
    with Process(field.settings, folder, "work", "--rebuild") as worker:
        until(field.covered, 60, "all is built again")
        assert field.look_afresh() == PARTITIONS
        until(lambda: not field.left_out, 60, "the scorer serves all partitions again")
        assert worker.stop() == 0
        assert worker.counters()["rolled_back"] == PARTITIONS
        assert worker.counters()["inserts"] == 440
    assert field.verdicts() == {"equal"}
    assert field.looks > 8


@pytest.fixture
def aged(make_settings: MakeSettings, own_redis: OwnRedis) -> Iterator[Field]:
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
    field = Field(settings)
    yield field
    field.close()


def test_back_by_many_batches_while_events_come(aged: Field, own_redis: OwnRedis, tmp_path: Path) -> None:
    go_back_far(aged, own_redis, tmp_path, rounds=6, pause=0.0)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_back_by_a_minute_while_events_come(aged: Field, own_redis: OwnRedis, tmp_path: Path) -> None:
    go_back_far(aged, own_redis, tmp_path, rounds=20, pause=3.0)


def go_back_far(field: Field, own_redis: OwnRedis, folder: Path, rounds: int, pause: float) -> None:
    """Redis dies, and comes back with its append-only file of long ago; across rewritten files, under a live owner."""
    with Process(field.settings, folder, "work") as worker:
        field.insert(range(400))
        until(field.covered, 60, "all is published")
        until(lambda: not field.left_out, 60, "the scorer serves all partitions")
        old, files, before = own_redis.data, files_of(field.views()), field.views()
        for number in range(rounds):
            field.delete(range(number, 400, 20))
            field.insert(range(400 + number * 20, 420 + number * 20))
            field.wait_hidden(range(number, 400, 20), 60)
            pausing = time.monotonic() + pause
            until(lambda: field.covered() and time.monotonic() >= pausing, 60, "all is published")  # noqa: B023
        until(lambda: files - kept(field.settings), 60, "files of long ago are gone")
        now, counters = field.views(), field.counters()
        assert all(new.applied > then.applied for new, then in zip(now, before, strict=True))
        assert all(new.writes - then.writes > 5 * rounds for new, then in zip(now, before, strict=True))

        field.delete(range(19, 400, 20))
        field.insert(range(1000, 1100))
        own_redis.restart_with(old)
        field.client.connection_pool.disconnect()
        field.delete(range(1000, 1100, 10))

        until(lambda: all(new > old for new, old in zip(field.counters(), counters, strict=True)), 60, "claimed again")
        field.wait_hidden([*range(19, 400, 20), *range(1000, 1100, 10)], 60)
        until(field.covered, 60, "all is published again")
        assert field.look_afresh() == PARTITIONS
        until(lambda: not field.left_out, 60, "the scorer serves all partitions again")
        until(field.look, 60, "the scorer serves none of the gone")
        until(lambda: field.verdicts() == {"equal"}, 60, "all is learned")
        since = [m for m in field.manifests() if m.token.counter > counters[m.partition]]
        assert since
        assert all(m.applied >= now[m.partition].number("published_applied") for m in since)
        assert worker.said("catching up to")
        assert worker.stop() == 0
        counted = worker.counters()
    assert counted["rolled_back"] >= PARTITIONS
    assert counted["slices_repaired"] >= 1
    assert not counted["slices_lost"]
    assert field.looks > 2 * rounds


def files_of(views: list[Tables]) -> set[str]:
    return {held.file for view in views for held in view.slices.values() if held.file}


def kept(settings: Settings) -> set[str]:
    store: Any = open_store(settings.store.url, settings.model)
    return {name for p in range(PARTITIONS) for name, _ in store.names(f"{p}/")}
