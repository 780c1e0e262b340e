"""One worker on an in-process log and the real Redis, driven by hand: for tests of what looks at its state."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from unlearn.admin.lookup import Lookup
from unlearn.admin.status import Status, StatusReader
from unlearn.environment.redis_client import connect
from unlearn.events.partitioner import home
from unlearn.identity import identity_of
from unlearn.learners import learner_of
from unlearn.log.memory import MemoryLog
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store
from unlearn.storage.store_binding import guarded
from unlearn.training.pool import InlineTrainers
from unlearn.worker.loop import Worker

SECRET = "a secret of the tests, 32 bytes.."


class Scene:
    """Two partitions, slices of 10 offsets, and no seals unless they are sent."""

    def __init__(self, redis_url: str, folder: Path, **changed: Any) -> None:
        values: dict[str, Any] = {
            "model": f"t{uuid.uuid4().hex[:12]}",
            "secret": SECRET,
            "partitions": 2,
            "shards_per_partition": 2,
            "slice_span": 10,
            "seal_after": 1000,
            "window": 0,
            "publish_wait": 0,
            "publish_every": 0,
            "trainers": 0,
            "features": 2**10,
            "redis": {"url": redis_url},
            "store": {"url": (folder / "store").as_uri()},
        }
        self.settings = Settings(**values | changed)
        self.log = MemoryLog()
        self.log.create_topic(self.settings.events_topic, self.settings.partitions)
        for topic in ("results", "receipts", "dead_letters"):
            self.log.create_topic(getattr(self.settings, f"{topic}_topic"), 1)
        self.client: redis.Redis = connect(redis_url)
        self.learner = learner_of(self.settings)
        self._sent = 0
        self.worker = self.make_worker()

    def make_worker(self) -> Worker:
        store = guarded(open_store(self.settings.store.url, self.settings.model))
        trainers = InlineTrainers(self.learner, store)
        return Worker(self.settings, self.log, self.client, store, self.learner, trainers)

    def insert(self, record: str, subject: str | None = None, revision: int = 0, text: str = "a b") -> tuple[int, int]:
        """Its slot."""
        owner = {} if subject is None else {"subject_id": subject}
        event = {"type": "insert", "record_id": record, "label": "spam", "text": text, "revision": revision, **owner}
        return self.send(event, subject or record)

    def delete(self, record: str | None = None, subject: str | None = None, **more: Any) -> tuple[int, int]:
        names = {"record_id": record, "subject_id": subject}
        event = {
            "type": "delete",
            "requested_at": "2023-01-01",
            **{n: v for n, v in names.items() if v is not None},
            **more,
        }
        return self.send(event, subject or record or "")

    def send(self, event: dict[str, Any], key: str) -> tuple[int, int]:
        self._sent += 1
        partition = home(key.encode(), self.settings.partitions)
        value = json.dumps({"event_id": f"e{self._sent}", **event}).encode()
        return partition, self.raw(partition, value, key.encode())

    def raw(self, partition: int, value: bytes | None, key: bytes | None = None) -> int:
        return self.log.append(self.settings.events_topic, partition, key, value, ())

    def fill(self, partition: int, until: int) -> None:
        """Empty offsets up to `until`, which end slices."""
        end = self.log.bounds(self.settings.events_topic)[partition][1]
        self.log.gap(self.settings.events_topic, partition, until - end)

    def apply(self) -> None:
        """Until everything is applied, and nothing is under way."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.worker.turn(0.002)
            if not self.worker.busy and self._caught_up():
                return
        raise AssertionError("the worker never came to rest")

    def turn_until(self, done: Callable[[], object], seconds: float = 150.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, (
                f"not within {seconds:g} s; {self.worker.counters}, {self.worker.stopped}"
            )
            self.worker.turn(0.002)

    def status(self, **more: Any) -> Status:
        reader = StatusReader(self.settings, self.log, self.client, self.learner.forgets, **more)
        try:
            return reader.read()
        finally:
            reader.close()

    def lookup(self, **changed: Any) -> Lookup:
        settings = self.settings.model_copy(update=changed)
        return Lookup(settings, self.client, identity_of(settings, self.learner))

    def close(self) -> None:
        self.worker.close()
        self.client.close()

    def _caught_up(self) -> bool:
        bounds = self.log.bounds(self.settings.events_topic)
        views = {p: owned.view for p, owned in self.worker.owned.items()}
        return all(p in views and views[p].applied == end and not views[p].outbox for p, (_, end) in bounds.items())


def at(partition: int, count: int = 2, prefix: str = "s") -> str:
    """An id whose home is the partition."""
    return next(name for i in range(10_000) if home((name := f"{prefix}{i}").encode(), count) == partition)
