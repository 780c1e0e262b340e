"""A model on real Kafka: worker processes with scorers that watch, or a worker in this process."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka import KafkaProducer as Client

from tests.harness.events import delete, insert, send
from tests.harness.model_data import ModelLog, Past, remember, roll_back, views
from tests.harness.waiting import until
from tests.harness.worker_harness import WorkerHarness
from unlearn.admin.topics import SAME_EVERYWHERE, create
from unlearn.environment.redis_client import connect
from unlearn.errors import LogUnavailable, NotEnough
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Header, TopicSpec
from unlearn.partition.tables import Tables
from unlearn.scoring.scorer import Scorer
from unlearn.scoring.serving import Merged
from unlearn.settings import KafkaSettings, Settings
from unlearn.state.scripts import Token

__all__ = ["BrokerLog", "KafkaHarness", "WorkerOnKafka", "crc32"]


class KafkaHarness(ModelLog):
    """A model on real services. Record i has feature i, so states show who was learned."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log: KafkaLog = KafkaLog(settings.kafka)
        create(self.log, settings)
        self.client: Any = connect(settings.redis.url.get_secret_value())
        self._producer = self.log.producer()
        self._scorer: Scorer | None = None
        self.gone: dict[int, int] = {}
        """Records that were said to be hidden, and the version from which on none in force holds them."""
        self.looks = 0

    def close(self) -> None:
        if self._scorer:
            self._scorer.close()
        self._producer.close()
        self.log.close()
        self.client.close()

    def insert(self, records: Iterable[int]) -> None:
        events = (insert(f"r{i}", event_id=f"e{i}", label=("ham", "spam")[i % 2], features={i: 1.0}) for i in records)
        send(self._producer, self.settings, events)

    def delete(self, records: Iterable[int]) -> None:
        send(self._producer, self.settings, (delete(f"r{i}", event_id=f"d{i}") for i in records))

    # -- what is to be seen

    def views(self) -> list[Tables]:
        return list(views(self.client, self.settings).values())

    def tokens(self) -> list[Token]:
        """As Redis has them."""
        parts = (view.meta.get("token", "0:").partition(":") for view in self.views())
        return [Token(int(counter), nonce) for counter, _, nonce in parts]

    def counters(self) -> list[int]:
        return [token.counter for token in self.tokens()]

    def owners(self) -> set[int]:
        """Their pids, as Redis has them."""
        return {int(view.meta.get("owner", ":0").rpartition(":")[2]) for view in self.views()}

    def hidden(self) -> dict[str, int]:
        """Event id -> the version named by the first receipt that said so."""
        told: dict[str, int] = {}
        for receipt in self.receipts("hidden"):
            assert receipt.version is not None
            told.setdefault(receipt.event_id, receipt.version)
        return told

    def covered(self) -> bool:
        self.look()
        bounds = self.log.bounds(self.settings.events_topic)
        return all(view.number("published_applied") >= bounds[p][1] for p, view in enumerate(self.views()))

    def look(self) -> bool:
        """By the scorer that polls throughout. Returns whether it serves none of the gone.

        It may be late: a version of before those that a receipt speaks of is served until its lease ends.
        """
        if self._scorer is None:
            self._scorer = Scorer.connect(self.settings).start()
        began, merged, late = time.monotonic(), self._scorer._merged, False
        for partition in self._scorer._leased(merged):
            one = merged[partition]
            for record in self._gone_in(one):
                late = True
                assert one.offset < self.gone[record], f"r{record} is in {one.offset}, and hidden from {self.gone}"
                assert one.vouched_at is not None
                # Whether it was leased was asked after `began`.
                assert began < one.vouched_at + self.settings.lease
        return not late

    def look_afresh(self, wait: float = 60.0) -> int:
        """By one that starts now, which is never late. Returns how many partitions it can serve.

        It waits so many seconds for all of them.
        """
        with Scorer.connect(self.settings) as scorer:
            with suppress(NotEnough):
                scorer.once(wait)
            served = scorer._covering()
            for partition in served:
                assert not self._gone_in(scorer._merged[partition])
            return len(served)

    def _gone_in(self, one: Merged) -> set[int]:
        """Those of the gone that its states hold."""
        self.looks += len(one.states)
        return {int(feature) for _, state in one.states for feature in state["features"]} & self.gone.keys()

    @property
    def left_out(self) -> tuple[int, ...]:
        assert self._scorer is not None
        return self._scorer.left_out

    def wait_hidden(self, records: Iterable[int], seconds: float = 30.0) -> None:
        """They are said to be hidden; from the version named on they must be."""
        asked = {f"d{i}": i for i in records}
        until(lambda: asked.keys() <= self.hidden().keys(), seconds, "all are hidden")
        self.gone |= {asked[event]: version for event, version in self.hidden().items() if event in asked}

    def verdicts(self) -> set[str]:
        """What a replay of the log says of the newest manifests."""
        return {verdict.verdict for verdict in self.verify().shards}

    # -- Redis, and its past

    def remember(self) -> Past:
        return remember(self.client, self.settings)

    def roll_back(self, past: Past) -> None:
        roll_back(self.client, self.settings, past)


class BrokerLog(KafkaLog):
    """With the short ways of the in-process log."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings)
        self._sender = self.producer()

    def create_topic(self, topic: str, partitions: int) -> None:
        self.create(TopicSpec(topic, partitions, SAME_EVERYWHERE))

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> int:
        return self._sender.send(topic, partition, key, value, headers).result(60)

    def await_answer(self, topic: str) -> dict[int, tuple[int, int]]:
        """The bounds, as soon as a broker that was away tells them."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return self.bounds(topic)
            except LogUnavailable:
                assert time.monotonic() < deadline, "the broker doesn't answer"

    def close(self) -> None:
        self._sender.close()
        super().close()


class WorkerOnKafka(WorkerHarness):
    """A worker in this process, and other producers beside it."""

    patience = 0.02
    """Its turns wait for a broker, for seconds of a session or a login: shorter waits would burn a core meanwhile."""

    def __init__(self, redis_url: str, folder: Path, kafka: str, *, login: Any = None, **changed: Any) -> None:
        settings = KafkaSettings(bootstrap_servers=kafka, session_timeout=6, request_timeout=5, **(login or {}))
        values: dict[str, Any] = {"kafka": settings.model_dump(exclude_unset=True), "heartbeat_every": 0.5}
        self.broker = BrokerLog(settings)
        super().__init__(redis_url, folder, log=self.broker, **values | changed)
        self.kafka = kafka

    def ends(self) -> dict[int, int]:
        """Of the events topic, as soon as they are told."""
        return {p: end for p, (_, end) in self.broker.await_answer(self.settings.events_topic).items()}

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        client = KafkaAdminClient(bootstrap_servers=self.kafka)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def stranger(self, **more: Any) -> Iterator[Client]:
        """A producer that is none of ours."""
        client = Client(bootstrap_servers=self.kafka, **more)
        try:
            yield client
        finally:
            client.close()

    def close(self) -> None:
        super().close()
        self.broker.close()


def crc32(key: bytes, partitions: int) -> int:
    """Where other clients' default partitioner puts a key."""
    return zlib.crc32(key) % partitions
