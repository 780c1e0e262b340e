"""The twin: a log that never held the forgotten records gives the very same states."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.harness.processes import Process
from tests.integration.scenario import ACTUAL, Finished, newest, scenario_settings, stood
from tests.integration.stream import BAD_INSERTS, UNREADABLE, Forgotten
from unlearn.admin.topics import create
from unlearn.events.event import Delete, Insert
from unlearn.events.parsing import parser_of
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Record
from unlearn.results.manifest import Manifest
from unlearn.settings import Settings
from unlearn.simulate.replay import replay_log
from unlearn.verification.subject import subject_of

Records = Mapping[int, Sequence[Record]]
Values = Mapping[int, Sequence[bytes | None]]
"""By partition."""


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
    values = {partition: list(without(records, forgotten)) for partition, records in finished.records.items()}
    send_again(log, settings, finished.records, values)
    return sum(
        value is None and record.value is not None
        for partition, records in finished.records.items()
        for record, value in zip(records, values[partition], strict=True)
    )


def send_again(log: KafkaLog, settings: Settings, records: Records, values: Values) -> None:
    """Send each record with its value here to the same place of the settings' events topic, which is empty."""
    producer = log.producer()
    for partition, held in records.items():
        sent = [
            producer.send(settings.events_topic, partition, record.key, value, record.headers)
            for record, value in zip(held, values[partition], strict=True)
        ]
        assert [future.result(60) for future in sent] == [record.offset for record in held]
    producer.close()


def without_the_dead(log: KafkaLog, settings: Settings, records: Records) -> Values:
    """The values of the settings' log, with nothing for a row that died, and for a deletion, by the reference."""
    subject, parser = subject_of(settings), parser_of(learner_of(settings))
    found = {}
    for partition, held in records.items():
        rows = replay_log(log, subject, partition, len(held)).rows
        live = {slot for slot, row in rows.items() if row.death is None}
        found[partition] = [
            r.value if r.offset in live or not isinstance(parser.read(r), Insert | Delete) else None for r in held
        ]
    return found


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


def published(log: KafkaLog, settings: Settings) -> dict[tuple[int, int], tuple[str, str, int]]:
    """The `states` that a model has published last."""
    return states(newest(list(stood(log, settings))))
