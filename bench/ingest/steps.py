"""Where the time of the whole path goes: clocks around the steps' functions, without touching the product.

A step's time excludes that of the steps it calls. The clocks themselves cost about 0.3 us a call, which
is why shares and throughput come from different runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import unlearn.ingest.apply
import unlearn.maintenance.seal
import unlearn.training.pool
from unlearn.events.addresses import Addressing
from unlearn.events.contents import Contents
from unlearn.events.parsing import Parser
from unlearn.events.usual_inserts import UsualInsertScanner
from unlearn.forwarding.outbox import Outbox
from unlearn.ingest.apply import Intake
from unlearn.ingest.classify import Classifier
from unlearn.ingest.new_rows import NewRows
from unlearn.ingest.read_columns import ColumnReader
from unlearn.log.kafka.interval import KafkaTail
from unlearn.log.kafka.reader import KafkaReader
from unlearn.maintenance.cleanup import Cleaner
from unlearn.maintenance.seal import Sealer
from unlearn.partition.open_rows import OpenRows
from unlearn.partition.tables import Change, Tables
from unlearn.publishing.heartbeats import Heartbeats
from unlearn.publishing.manifests import Manifests
from unlearn.publishing.receipts import Receipts
from unlearn.state import scripts as state_redis
from unlearn.state.scripts import PartitionState
from unlearn.storage.artefacts import FolderStore
from unlearn.training.dispatch import Training

__all__ = ["Step", "Stopwatch", "watch_steps"]


@dataclass(slots=True)
class Step:
    """Seconds in a step, its callees' excluded; `cpu` is the thread's own time: the rest waited."""

    wall: float = 0.0
    cpu: float = 0.0
    calls: int = 0


class Stopwatch:
    """Adds up exclusive times by step; every thread has a stack of its own."""

    def __init__(
        self, wall: Callable[[], float] = time.perf_counter, cpu: Callable[[], float] = time.thread_time
    ) -> None:
        self.steps: dict[str, Step] = {}
        self._wall, self._cpu = wall, cpu
        self._threads = threading.local()

    def reset(self) -> None:
        self.steps.clear()

    def timed(self, step: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        stack = self._stack()
        stack.append([0.0, 0.0])
        wall, cpu = self._wall(), self._cpu()
        try:
            return call(*args, **kwargs)
        finally:
            self._add(stack, step, self._wall() - wall, self._cpu() - cpu)

    def _stack(self) -> list[list[float]]:
        found: list[list[float]] | None = getattr(self._threads, "stack", None)
        if found is None:
            found = self._threads.stack = []
        return found

    def _add(self, stack: list[list[float]], step: str, wall: float, cpu: float) -> None:
        inner_wall, inner_cpu = stack.pop()
        if stack:
            stack[-1][0] += wall
            stack[-1][1] += cpu
        held = self.steps.setdefault(step, Step())
        held.wall += wall - inner_wall
        held.cpu += cpu - inner_cpu
        held.calls += 1

    @contextmanager
    def around(self, owner: Any, name: str, step: str) -> Iterator[None]:
        """While it lasts, calls of `owner.name` are timed."""
        original = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            return self.timed(step, original, *args, **kwargs)

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, original)


_WATCHED: tuple[tuple[Any, str, str], ...] = (
    (KafkaReader, "poll", "1 poll"),
    (KafkaTail, "poll", "1 poll, results"),
    (UsualInsertScanner, "scan", "2 scan"),
    (Addressing, "homes", "3 addresses"),
    (Addressing, "of", "3 addresses"),
    (Parser, "parse", "2 parse, one by one"),
    (Classifier, "sort_all", "3 route, one by one"),
    (ColumnReader, "read", "4 look up, client"),
    (Intake, "_look_up", "4 look up, client"),
    (Intake, "recall", "4 look up, memory of ids"),
    (PartitionState, "_ask", "scripts: client and wait for Redis"),
    (state_redis, "_pack", "scripts: pack"),
    (unlearn.ingest.apply, "plan", "5 plan"),
    (Intake, "_write", "6 apply, client"),
    (Change, "commands", "6 apply, client"),
    (Tables, "apply", "6 apply, client"),
    (Intake, "_remember", "6 remember rows"),
    (NewRows, "packed", "6 apply, entries"),
    (Contents, "rows", "6 rows"),
    (unlearn.ingest.apply, "members_of", "6 rows, one by one"),
    (Outbox, "turn", "7 outbox"),
    (Sealer, "turn", "8 slices, worker"),
    (Sealer, "append_seal", "8 slices, worker"),
    (OpenRows, "cut", "8 slices, worker"),
    (OpenRows, "drop", "8 slices, worker"),
    (Sealer, "_write", "8 slices, file thread"),
    (FolderStore, "put", "8/9 store writes"),
    (Training, "turn", "9 train, orders"),
    (unlearn.training.pool, "run", "9 train, jobs"),
    (Manifests, "turn", "10-11 compose and publish"),
    (Receipts, "turn", "11 receipts"),
    (Cleaner, "turn", "12 housekeeping"),
    (Heartbeats, "turn", "12 housekeeping"),
)


@contextmanager
def watch_steps(stopwatch: Stopwatch) -> Iterator[None]:
    """While it lasts, every step of a worker in this process is timed."""
    with ExitStack() as stack:
        for owner, name, step in _WATCHED:
            stack.enter_context(stopwatch.around(owner, name, step))
        yield
