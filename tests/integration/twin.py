"""The twin: a log that never held the forgotten records gives the very same states."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.harness.processes import Process
from tests.integration.scenario import ACTUAL, Finished, newest, scenario_settings, stood
from tests.integration.stream import BAD_INSERTS, UNREADABLE, Forgotten
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Record
from unlearn.results.manifest import Manifest
from unlearn.settings import Settings


def twin_of(finished: Finished, folder: Path) -> tuple[Counter[str], dict[int, Manifest]]:
    """What a worker counts and publishes that builds a model from a copy of the finished log, offset by offset, with
    nothing where a forgotten insert or a deletion stood."""
    original = finished.settings
    settings = scenario_settings(
        original.kafka.bootstrap_servers, original.redis.url.get_secret_value(), folder, learner=original.learner
    )
    log = KafkaLog(settings.kafka)
    try:
        create(log, settings.model_copy(update={"partitions": ACTUAL}))
        emptied = copy(log, settings, finished)
        assert emptied > 2_000
        with Process(settings, folder, "work", "--drain") as worker:
            assert worker.wait(90) == 0, worker.errors()
        return worker.counters(), newest(list(stood(log, settings)))
    finally:
        log.close()


def copy(log: KafkaLog, settings: Settings, finished: Finished) -> int:
    """Complete when it returns. How many offsets were emptied."""
    forgotten = Forgotten(finished.stream.events)
    emptied = 0
    producer = log.producer()
    for partition, records in finished.records.items():
        values = list(without(records, forgotten))
        emptied += sum(
            value is None and record.value is not None for value, record in zip(values, records, strict=True)
        )
        sent = [
            producer.send(settings.events_topic, partition, record.key, value, record.headers)
            for record, value in zip(records, values, strict=True)
        ]
        assert [future.result(60) for future in sent] == [record.offset for record in records]
    producer.close()
    return emptied


def without(records: Sequence[Record], forgotten: Forgotten) -> Iterator[bytes | None]:
    for record in records:
        value = record.value
        if value is not None and value not in UNREADABLE + BAD_INSERTS:
            event = json.loads(value)
            if event["type"] == "delete" or (event["type"] == "insert" and event in forgotten):
                value = None
        yield value


def states(manifests: dict[int, Manifest]) -> dict[tuple[int, int], tuple[str, str, int]]:
    """(partition, shard) -> what its state holds."""
    return {
        (partition, entry.shard): (entry.digest, entry.lineage, entry.rows)
        for partition, manifest in manifests.items()
        for entry in manifest.shards
    }
