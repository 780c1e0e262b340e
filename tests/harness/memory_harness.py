"""One model on an in-process log, a real Redis and a folder, by a clock of its own; workers come and go."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, TypeVar

from tests.harness import events
from tests.harness.events import Placed, placed
from tests.harness.model_data import ModelLog, forget_keys
from tests.harness.settings import WITHOUT_WAITING, create_topics, settings_of
from tests.harness.worker_harness import is_published
from unlearn.environment.clock import Clock
from unlearn.environment.redis_client import connect
from unlearn.events.event import Event, Insert
from unlearn.learners import learner_of
from unlearn.log.memory.log import MemoryLog
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.storage.artefacts import FolderStore, Store, Stored
from unlearn.training.pool import InlineTrainers
from unlearn.verification.from_store import verify_store
from unlearn.verification.report import Report
from unlearn.worker.assembly import assemble
from unlearn.worker.lifecycle import states
from unlearn.worker.loop import Worker
from unlearn.worker.machine import Machine
from unlearn_models import Learner

T = TypeVar("T")
TURN = 0.1
"""Seconds that pass in a turn."""


class Inline(Executor):
    """Runs at once, or keeps what is to be done until `work`."""

    def __init__(self) -> None:
        self.late = False
        self._kept: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def act() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  whatever it raises is its result
                future.set_exception(error)

        self._kept.append(act)
        if not self.late:
            self.work()
        return future

    def drop(self) -> None:
        """Whoever wanted it is dead."""
        self._kept.clear()

    def work(self) -> None:
        while self._kept:
            self._kept.pop(0)()


class DatedStore:
    """A real store whose files age by the harness's clock. `root`: the folder in which its medium keeps them."""

    def __init__(self, store: Store, root: Path, clock: Callable[[], float]) -> None:
        self.root = root
        self.check, self.marker, self.mark = store.check, store.marker, store.mark
        self._store = store
        self._clock = clock
        self._written: dict[str, float] = {}

    def get(self, name: str, size: int | None = None) -> bytes:
        return self._store.get(name, size)

    def put(self, name: str, data: bytes) -> None:
        self._store.put(name, data)
        self._written[name] = self._clock()

    def delete(self, *names: str) -> None:
        self._store.delete(*names)

    def names(self, prefix: str) -> Iterator[Stored]:
        for one in self._store.names(prefix):
            yield one._replace(age=self._clock() - self._written[one.name])


def in_a_folder(folder: Path, model: str) -> tuple[Store, Path]:
    """A model's store, and the folder of its files."""
    root = folder / "store" / model
    return FolderStore(root), root


class MemoryHarness(ModelLog):
    """`worker` is the one that turns; `crash` puts another in its place."""

    new_store = staticmethod(in_a_folder)
    """Gives the store of a harness that is made."""

    def __init__(self, redis_url: str, folder: Path, learner: str, **changed: Any) -> None:
        self.now = 1000.0
        values: dict[str, Any] = {
            "learner": learner,
            "features": 256,
            "partitions": 1,
            "slice_span": 1000,
            "erase_after": 0.1,
            "garbage_grace": 0.5,
            "tail_every": 0.3,
            "heartbeat_every": 1.0,
            "redis": {"url": redis_url},
            "services_dir": folder,
        }
        self.settings = settings_of(**{**WITHOUT_WAITING, **values, "seal_after": 1e6, **changed})
        self.folder = folder
        self.log: MemoryLog = MemoryLog(clock=lambda: round(time.time() * 1000))
        create_topics(self.log, self.settings)
        self.redis = connect(redis_url)
        self.store = DatedStore(*self.new_store(folder, self.settings.model), lambda: self.now)
        self.learner: Learner = learner_of(self.settings)
        self.workers: list[Worker] = []
        self.io = Inline()

    # -- what comes in

    def send(self, *sent: Event | bytes) -> int:
        """The last one's offset, in its home partition; raw bytes and seals go to partition 0."""
        offset = -1
        for event in sent:
            message = Placed(0, None, event) if isinstance(event, bytes) else placed(event, self.settings.partitions)
            offset = self.log.append(self.settings.events_topic, message.partition, message.key, message.value, ())
        return offset

    # -- workers

    @property
    def worker(self) -> Worker:
        return self.workers[-1] if self.workers else self.start()

    def start(self) -> Worker:
        """A further worker; the one before stays as it is, and is assigned nothing."""
        for worker in self.workers[-1:]:
            self.log.leave(worker._reader)  # type: ignore[arg-type]
        trainers = InlineTrainers(self.learner, self.store)
        client = connect(self.settings.redis.url.get_secret_value())
        machine = Machine(clock=Clock(monotonic=lambda: self.now), make_io=lambda: self.io)
        worker = Worker(assemble(self.settings, self.log, client, self.store, self.learner, trainers, machine=machine))
        self.workers.append(worker)
        return worker

    @property
    def owned(self) -> ClaimedPartition:
        return self.worker.owned[0]

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.worker.turn(0.0)
            self.now += TURN

    def settle(self) -> None:
        """Until everything is applied, learned and published; background work isn't waited for."""
        self.turn(2)
        for _ in range(60):
            if all(self.settled(owned) for owned in self.worker.owned.values()):
                return
            self.turn()

    def settled(self, owned: ClaimedPartition) -> bool:
        view = owned.view
        end = self.log.bounds(self.settings.events_topic)[owned.partition][1]
        busy = owned.running or owned.sealing or owned.publishing
        waits = view.pending or view.uncounted or view.cleanups or view.outbox
        return view.applied == end and not busy and not waits and is_published(owned)

    def wait(self, seconds: float) -> None:
        self.turn(round(seconds / TURN))

    def close(self) -> None:
        for worker in self.workers[-1:]:
            self.log.leave(worker._reader)  # type: ignore[arg-type]
        for worker in self.workers:
            worker._assignment._state_of(0)._redis.close()
        forget_keys(self.redis, self.settings)
        self.redis.close()

    # -- what is seen

    def verify_store(self) -> Report:
        """Over the rows in the store, and the published files."""
        return verify_store(self.settings, self.log, states(self.redis, self.settings.model), self.store, self.learner)

    def count(self, name: str) -> int:
        counters = [worker.counters for worker in self.workers]
        counters += [owned.counters for worker in self.workers for owned in worker.owned.values()]
        return sum(counter[name] for counter in counters)

    def stored(self, entry_file: str) -> str:
        return hashlib.sha256(self.store.get(entry_file)).hexdigest()


def insert(number: int, subject: str | None = None, revision: int = 0, text: str | None = None) -> Insert:
    """Record `r<number>`; its words and label follow from the number."""
    words = text or f"tea w{number % 5} w{number % 7} x{number} v{revision}"
    label = ("ham", "spam")[number % 2]
    return events.insert(f"r{number}", subject, revision, event_id=f"e{number}-{revision}", label=label, text=words)
