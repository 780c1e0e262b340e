"""The same with real processes, Kafka and Redis: back by a second, then to nothing, under a live owner."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from processor.log.kafka import KafkaLog
from processor.manifest import Receipt
from processor.routing import home
from processor.running import states
from processor.scorer import Scorer
from processor.settings import Settings
from processor.state.redis import connect
from processor.topics import create
from processor.verify_log import subject_of, verify_log
from processor.view import View
from tests.conftest import MakeSettings
from tests.integration.processes import Process, until

pytestmark = [pytest.mark.timeout(150), pytest.mark.slow]
PARTITIONS = 2


class Field:
    """A model on real services. Record i has feature i, so states show who was learned."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.log = settings, KafkaLog(settings.kafka)
        create(self.log, settings)
        self.client: Any = connect(settings.redis.url.get_secret_value())
        self._producer = self.log.producer()
        self._scorer: Scorer | None = None
        self.gone: set[int] = set()
        self.looks = 0

    def close(self) -> None:
        if self._scorer:
            self._scorer.close()
        self._producer.close()
        self.log.close()
        self.client.close()

    def insert(self, records: Iterable[int]) -> None:
        for i in records:
            event = {"type": "insert", "label": ("ham", "spam")[i % 2], "features": {str(i): 1}}
            self._send(event | {"event_id": f"e{i}", "record_id": f"r{i}"})
        self._producer.flush(30)

    def delete(self, records: Iterable[int]) -> None:
        for i in records:
            self._send({"type": "delete", "event_id": f"d{i}", "record_id": f"r{i}", "requested_at": "t"})
        self._producer.flush(30)

    def _send(self, event: dict[str, Any]) -> None:
        key = event["record_id"].encode()
        place = home(key, PARTITIONS)
        self._producer.send(self.settings.events_topic, place, key, json.dumps(event).encode())

    # -- what is to be seen

    def views(self) -> list[View]:
        state_of = states(self.client, self.settings.model)
        return [View(state_of(p).load()) for p in range(PARTITIONS)]

    def counters(self) -> list[int]:
        return [int(view.meta.get("token", "0:").partition(":")[0]) for view in self.views()]

    def hidden(self) -> set[str]:
        read = self.log.read(self.settings.receipts_topic, 0, 0, 1 << 60)
        receipts = (Receipt.model_validate_json(record.value or b"") for record in read)
        return {receipt.event_id for receipt in receipts if receipt.state == "hidden"}

    def covered(self) -> bool:
        self.look()
        bounds = self.log.bounds(self.settings.events_topic)
        return all(view.number("published_applied") >= bounds[p][1] for p, view in enumerate(self.views()))

    def look(self) -> None:
        """By the scorer that polls throughout."""
        if self._scorer is None:
            self._scorer = Scorer.connect(self.settings).start()
        merged = self._scorer._merged
        self._none_of_the_gone(self._scorer, self._scorer._leased(merged))

    def look_afresh(self) -> int:
        """By one that starts now. Returns how many partitions it can serve."""
        with Scorer.connect(self.settings) as scorer:
            scorer.once(5.0)
            served = scorer._covering()
            self._none_of_the_gone(scorer, served)
            return len(served)

    def _none_of_the_gone(self, scorer: Scorer, served: Iterable[int]) -> None:
        for partition in served:
            for _, state in scorer._merged[partition].states:
                self.looks += 1
                assert not self.gone & {int(feature) for feature in state["features"]}

    @property
    def left_out(self) -> tuple[int, ...]:
        assert self._scorer is not None
        return self._scorer.left_out

    # -- Redis, and its past

    def remember(self) -> dict[bytes, bytes]:
        return {key: self.client.dump(key) for key in self._keys()}

    def roll_back(self, past: dict[bytes, bytes]) -> None:
        pipe = self.client.pipeline(transaction=True)
        for key in self._keys():
            pipe.delete(key)
        for key, data in past.items():
            pipe.restore(key, 0, data)
        pipe.execute()

    def _keys(self) -> list[bytes]:
        return list(self.client.scan_iter(match=f"[{{]{self.settings.model}:*", count=10_000))


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
    until(field.covered, 40, "all is published")
    until(lambda: not field.left_out, 10, "the scorer serves all partitions")
    past, counters = field.remember(), field.counters()
    field.delete(range(0, 400, 20))
    field.insert(range(400, 440))
    until(lambda: len(field.hidden()) == 20, 30, "all are hidden")
    field.gone = set(range(0, 400, 20))
    until(field.covered, 30, "all is published")

    field.roll_back(past)
    until(lambda: all(new > old for new, old in zip(field.counters(), counters, strict=True)), 30, "claimed again")
    until(field.covered, 30, "all is published again")
    assert field.look_afresh() == PARTITIONS
    until(lambda: not field.left_out, 10, "the scorer serves all partitions again")


def lose_everything(field: Field, worker: Process) -> None:
    field.roll_back({})
    until(lambda: len(worker.said("is stopped")) == PARTITIONS, 20, "the owner stops")
    assert all("--rebuild" in words for words in worker.said("is stopped"))
    field.look_afresh()
    until(lambda: len(field.left_out) == PARTITIONS, 20, "the leases run out")


def rebuild(field: Field, folder: Path) -> None:
    with Process(field.settings, folder, "work", "--rebuild") as worker:
        until(field.covered, 40, "all is built again")
        assert field.look_afresh() == PARTITIONS
        until(lambda: not field.left_out, 10, "the scorer serves all partitions again")
        assert worker.stop() == 0
        assert worker.counters()["rolled_back"] == PARTITIONS
        assert worker.counters()["inserts"] == 440
    report = verify_log(field.log, subject_of(field.settings))
    assert {verdict.verdict for verdict in report.shards} == {"equal"}
    assert field.looks > 20
