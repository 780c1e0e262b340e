"""A worker on a real broker, and other producers beside it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kafka import KafkaAdminClient
from kafka import KafkaProducer as Client

from tests.faults.rig import Sick
from unlearn.admin.topics import SAME_EVERYWHERE
from unlearn.errors import LogUnavailable
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Header, TopicSpec
from unlearn.settings import KafkaSettings
from unlearn.worker.loop import Worker


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


class OnKafka(Sick):
    """The scene with a real broker in place of the in-process log."""

    def __init__(self, redis_url: str, folder: Path, kafka: str, *, login: Any = None, **changed: Any) -> None:
        settings = KafkaSettings(bootstrap_servers=kafka, session_timeout=6, request_timeout=5, **(login or {}))
        values: dict[str, Any] = {"kafka": settings.model_dump(exclude_unset=True), "heartbeat_every": 0.5}
        self.broker = BrokerLog(settings)
        with patch("tests.integration.scene.MemoryLog", lambda: self.broker):
            super().__init__(redis_url, folder, **values | changed)
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

    def another(self) -> Worker:
        """The next member, once this one has gone."""
        self.worker.close()
        self.worker = self.make_worker()
        return self.worker

    def close(self) -> None:
        super().close()
        self.broker.close()


def crc32(key: bytes, partitions: int) -> int:
    """Where other clients' default partitioner puts a key."""
    return zlib.crc32(key) % partitions
