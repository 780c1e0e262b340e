"""One worker in this process by real time: on the in-process log or whichever log is given, and the real Redis."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from tests.harness.events import SEAL_BYTES, delete, insert, placed
from tests.harness.model_data import ModelLog
from tests.harness.settings import WITHOUT_WAITING, create_topics, settings_of
from tests.harness.waiting import until
from unlearn.admin.lookup import Lookup
from unlearn.admin.status.reader import StatusReader
from unlearn.admin.status.status import Status
from unlearn.environment.redis_client import connect
from unlearn.events.event import Delete, Insert
from unlearn.events.partitioner import home
from unlearn.identity import identity_of
from unlearn.learners import learner_of
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Log
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store
from unlearn.storage.store_binding import guarded
from unlearn.training.pool import InlineTrainers
from unlearn.worker.assembly import assemble
from unlearn.worker.loop import Worker
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["WorkerHarness", "caught_up", "counts_of", "is_published", "make_worker"]


def make_worker(settings: Settings, log: Log, client: redis.Redis, *, rebuild: bool = False) -> Worker:
    """As `unlearn work` makes it, but it trains in this process, and as soon as there is nothing to apply."""
    learner, store = learner_of(settings), guarded(open_store(settings.store, settings.model))
    parts = assemble(settings, log, client, store, learner, InlineTrainers(learner, store), rebuild=rebuild)
    return Worker(parts, quiet_after=0.0)


def caught_up(worker: Worker, log: Log, settings: Settings) -> bool:
    """Whether it owns all partitions, and has applied and answered all that stands in them."""
    views = {p: owned.view for p, owned in worker.owned.items()}
    bounds = log.bounds(settings.events_topic)
    return all(p in views and views[p].applied == end and not views[p].outbox for p, (_, end) in bounds.items())


def is_published(owned: ClaimedPartition) -> bool:
    """Whether the newest manifest tells all that was applied, and every slice is learned."""
    view, manifest = owned.view, owned.manifest
    return (
        manifest is not None
        and manifest.applied == view.applied
        and view.registered == view.last_end
        and all(entry.through == view.last_end for entry in manifest.shards)
    )


def counts_of(worker: Worker) -> Counter[str]:
    """Of the worker and of all partitions it owns."""
    return sum((held.counters for held in worker.owned.values()), worker.counters.copy())


class WorkerHarness(ModelLog):
    """Two partitions, slices of 10 offsets, and no seals unless they are sent."""

    somebody = ""
    """The subject of the first row sent by `tweets`."""
    patience = 0.002
    """Seconds for which a turn waits for records at most."""

    def __init__(self, redis_url: str, folder: Path, *, log: Any = None, **changed: Any) -> None:
        values = {"slice_span": 10, "features": 2**10, "store": {"url": (folder / "store").as_uri()}}
        self.settings = settings_of(**{**WITHOUT_WAITING, **values, "redis": {"url": redis_url}, **changed})
        self.log: MemoryLog = log or MemoryLog()
        create_topics(self.log, self.settings)
        self.client: redis.Redis = connect(redis_url)
        self.learner = learner_of(self.settings)
        self._sent = 0
        self.worker = self.make_worker()

    def make_worker(self, *, rebuild: bool = False) -> Worker:
        return make_worker(self.settings, self.log, self.client, rebuild=rebuild)

    def restart(self, *, rebuild: bool = False) -> Worker:
        """The next worker, once this one has gone."""
        self.worker.close()
        self.worker = self.make_worker(rebuild=rebuild)
        return self.worker

    def close(self) -> None:
        self.worker.close()
        self.client.close()

    # -- what comes in

    def insert(self, record: str, subject: str | None = None, revision: int = 0, text: str = "a b") -> tuple[int, int]:
        """Its slot."""
        return self.say(insert(record, subject, revision, text=text, event_id=self._next_id()))

    def delete(self, record: str | None = None, subject: str | None = None, **more: Any) -> tuple[int, int]:
        return self.say(delete(record, subject, **{"event_id": self._next_id(), **more}))

    def say(self, event: Insert | Delete) -> tuple[int, int]:
        partition, key, value = placed(event, self.settings.partitions)
        return partition, self.raw(partition, value, key)

    def send(self, event: dict[str, Any], key: str) -> tuple[int, int]:
        """What need not be an event that we know."""
        partition = home(key.encode(), self.settings.partitions)
        value = json.dumps({"event_id": self._next_id(), **event}).encode()
        return partition, self.raw(partition, value, key.encode())

    def raw(self, partition: int, value: bytes | None, key: bytes | None = None) -> int:
        return self.log.append(self.settings.events_topic, partition, key, value, ())

    def seal(self) -> None:
        """Every partition's slice."""
        for partition in range(self.settings.partitions):
            self.raw(partition, SEAL_BYTES)

    def tweets(self, count: int, seed: int = 1) -> list[dict[str, Any]]:
        """Send inserts; they are given back."""
        events = [dict(event) for event in tweets(count, seed)]
        for event in events:
            self.send(event, event.get("subject_id") or event["record_id"])
        self.somebody = self.somebody or next(event["subject_id"] for event in events if "subject_id" in event)
        return events

    def forget(self, subject: str = "", event_id: str = "gone") -> None:
        """Ask for a subject's deletion: somebody's, unless said otherwise."""
        self.delete(subject=subject or self.somebody, event_id=event_id)

    def fill(self, partition: int, until: int) -> None:
        """Empty offsets up to `until`, which end slices."""
        end = self.log.bounds(self.settings.events_topic)[partition][1]
        self.log.gap(self.settings.events_topic, partition, until - end)

    def _next_id(self) -> str:
        self._sent += 1
        return f"e{self._sent}"

    # -- time

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.worker.turn(self.patience)

    def turn_until(self, done: Callable[[], object], seconds: float = 150.0) -> None:
        until(done, seconds, lambda: f"{self.counts}, {self.worker.stopped}", self.turn)

    def apply(self) -> None:
        """Until everything is applied, and nothing is under way."""
        self.turn()
        self.turn_until(lambda: not self.worker.busy and self.caught_up(), 60)

    def rest(self, seconds: float = 150.0) -> None:
        """Until all is applied, sealed, trained, hidden and published."""
        self.turn_until(lambda: not self.worker.busy and self.caught_up() and self._covered(), seconds)

    def caught_up(self) -> bool:
        return caught_up(self.worker, self.log, self.settings)

    def _covered(self) -> bool:
        # Partitions without a model owe receipts, too: of what they copied to the others.
        owned = self.worker.owned
        models = [held for partition, held in owned.items() if partition < self.settings.partitions]
        return not any(held.view.pending for held in owned.values()) and all(map(is_published, models))

    # -- what is seen

    @property
    def counts(self) -> Counter[str]:
        """Of the worker and of all partitions it owns."""
        return counts_of(self.worker)

    @property
    def applied(self) -> dict[int, int]:
        return {partition: held.view.applied for partition, held in self.worker.owned.items()}

    def status(self, **more: Any) -> Status:
        reader = StatusReader(self.settings, self.log, self.client, self.learner.forgets, **more)
        try:
            return reader.read()
        finally:
            reader.close()

    def lookup(self, **changed: Any) -> Lookup:
        settings = self.settings.model_copy(update=changed)
        return Lookup(settings, self.client, identity_of(settings, self.learner))

    def verdict(self) -> str:
        return self.verify().verdict
