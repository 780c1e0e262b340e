"""Where a measurement runs: local Kafka and Redis, models and topics of its own that are removed afterwards."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import redis
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from unlearn.admin.send import LogSink
from unlearn.admin.topics import create
from unlearn.environment.redis_client import connect
from unlearn.local_password import with_local_password
from unlearn.log.kafka.log import KafkaLog
from unlearn.services import local_services
from unlearn.settings import Settings, load_settings

__all__ = ["PARTITIONS", "Environment", "encode", "opened"]

PARTITIONS = 4
_AT_ONCE = 5000
_PATIENCE = 90.0


class Environment:
    """Services that answer, and what was made on them."""

    def __init__(self, base: Settings, folder: Path) -> None:
        self.base = base
        self.folder = folder
        self.client: redis.Redis = connect(base.redis.url.get_secret_value(), timeout=60.0)
        self.log = KafkaLog(base.kafka)
        self._run = f"bench-{uuid.uuid4().hex[:8]}"
        self._made: list[Settings] = []

    def model(self, name: str, **changed: Any) -> Settings:
        """Settings of a new model with its topics; `topics` may name another model's events."""
        values: dict[str, Any] = {
            "model": f"{self._run}-{name}",
            "partitions": PARTITIONS,
            "store": {"url": (self.folder / name).as_uri()},
            "services_dir": self.base.services_dir,
            "secret": self.base.secret,
            "kafka": self.base.kafka,
            "redis": self.base.redis,
        }
        settings = Settings(**values | changed)
        create(self.log, settings)
        self._made.append(settings)
        return settings

    def forget(self, settings: Settings) -> None:
        """Remove the model's keys from Redis and its store, not its topics."""
        batch: list[bytes] = []
        for key in self.client.scan_iter(match=f"{{{settings.model}:*", count=5000):
            batch.append(key)
            if len(batch) == 1000:
                self.client.unlink(*batch)
                batch = []
        if batch:
            self.client.unlink(*batch)
        shutil.rmtree(self.folder / settings.model.removeprefix(f"{self._run}-"), ignore_errors=True)

    def close(self) -> None:
        for settings in self._made:
            self.forget(settings)
        topics = {topic for settings in self._made for topic in _topics(settings)}
        admin = KafkaAdminClient(**self.base.kafka.client_options())
        try:
            admin.delete_topics(sorted(topics))
        except KafkaError as error:
            print(f"topics {self._run}-* are left behind: {type(error).__name__}")
        finally:
            admin.close()
            self.log.close()
            self.client.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def produce(
        self, settings: Settings, events: Iterable[Mapping[str, Any]], tick: Callable[[int], None] = lambda _: None
    ) -> int:
        """Send events to their homes and wait for all of them; `tick` is told how many are sent. Returns how many."""
        return self.send(settings, map(encode, events), tick)

    def send(
        self, settings: Settings, messages: Iterable[tuple[bytes, bytes]], tick: Callable[[int], None] = lambda _: None
    ) -> int:
        """As `produce`, of events by key and value."""
        left, count = iter(messages), 0
        with closing(self.log.producer()) as producer:
            sink = LogSink(producer, settings.events_topic, settings.partitions, _PATIENCE)
            while batch := list(islice(left, _AT_ONCE)):
                sink.take(batch)
                count += len(batch)
                tick(count)
            sink.finish()
        return count


@contextmanager
def opened(config: Path | None) -> Iterator[Environment]:
    """An environment on the services of the settings; those that don't answer are started, and stopped at the end."""
    base = load_settings(config, demo=True)
    started = [service for service in local_services(base) if not service.answers()]
    folder = Path(mkdtemp(prefix="unlearn-bench-"))
    try:
        for service in started:
            service.up(_unsaid)
        environment = Environment(with_local_password(base), folder)
        try:
            yield environment
        finally:
            environment.close()
    finally:
        for service in reversed(started):
            service.down(_unsaid)
        shutil.rmtree(folder, ignore_errors=True)


def encode(event: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """(key, value) as producers send them."""
    key = event.get("subject_id") or event["record_id"]
    return key.encode(), json.dumps(event).encode()


def _unsaid(_: str) -> None: ...


def _topics(settings: Settings) -> Sequence[str]:
    said = settings.receipts_topic, settings.dead_letters_topic, settings.history_topic
    return settings.events_topic, settings.results_topic, *said
