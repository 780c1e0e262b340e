"""Workers in processes of their own that stand still until they are told to go on, so that a backlog is there at once.

A worker that isn't told to go on takes no turn: it stays in its group, whose heartbeats come from the client's thread,
and uses no CPU. So what a stretch of work costs is what its processes used from the word to the end.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import partial, reduce
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import redis

from bench.processes.redis_memory import redis_cpu
from bench.processes.settling import all_settled, training_held
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log
from unlearn.settings import Settings
from unlearn.worker.lifecycle import make_worker
from unlearn.worker.loop import Worker

__all__ = ["Cost", "Workers", "opened_workers"]

_PATIENCE = 3600.0
_JOIN_WITHIN = 120.0


class Cost(NamedTuple):
    """Of a stretch of work: events, seconds until all were applied and until nothing was left to do, CPU seconds."""

    events: int
    applied: float
    wall: float
    cpu: float
    redis_cpu: float = 0.0

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        """Both in turn."""
        return Cost(
            self.events + other.events,
            self.applied + other.applied,
            self.wall + other.wall,
            self.cpu + other.cpu,
            self.redis_cpu + other.redis_cpu,
        )

    def beside(self, other: Cost) -> Cost:
        """Both at once: events and CPU add up, the clock's seconds are the longer ones."""
        return Cost(
            self.events + other.events,
            max(self.applied, other.applied),
            max(self.wall, other.wall),
            self.cpu + other.cpu,
            self.redis_cpu + other.redis_cpu,
        )


class Workers:
    """Some workers of one model. Each call returns when all have done what it says; then they stand still again."""

    def __init__(self, pipes: Sequence[Connection], processes: Sequence[BaseProcess], log: Log, topic: str) -> None:
        self.processes = processes
        self._pipes, self._log, self._topic = pipes, log, topic

    def join(self, partitions: int) -> None:
        """Take turns until each owns its share of the partitions."""
        self._all(("own", partitions // len(self._pipes)))

    def settle(self, client: redis.Redis, watch: Callable[[], None] = lambda: None) -> Cost:
        """Apply all that the topic holds, and what the workers send to it, until nothing is left to do.

        `watch` is called now and then meanwhile.
        """
        total: Cost = Cost(0, 0.0, 0.0, 0.0)
        ends = self._ends()
        while True:
            before = redis_cpu(client)
            costs: list[Cost] = self._all(("settle", ends), watch)
            total += reduce(Cost.beside, costs)._replace(redis_cpu=redis_cpu(client) - before)
            ends, before_ends = self._ends(), ends
            if ends == before_ends:
                return total

    def apply(self) -> Cost:
        """Apply all that the topic holds, whatever is left to do then."""
        costs: list[Cost] = self._all(("apply", self._ends()))
        return reduce(Cost.beside, costs)

    def go(self) -> None:
        """Let them take turns until the next call."""
        for pipe in self._pipes:
            pipe.send(("go", None))

    def hold(self) -> None:
        """Let them stand still after `go`."""
        self._all(("stop", None))

    def owned(self) -> list[list[int]]:
        """The partitions of each."""
        return self._all(("owned", None))

    def _all(self, order: tuple[str, object], watch: Callable[[], None] = lambda: None) -> list[Any]:
        for pipe in self._pipes:
            pipe.send(order)
        return [self._answer(pipe, process, watch) for pipe, process in zip(self._pipes, self.processes, strict=True)]

    def _answer(self, pipe: Connection, process: BaseProcess, watch: Callable[[], None]) -> Any:
        deadline = time.monotonic() + _PATIENCE
        while not pipe.poll(0.5):
            watch()
            if not process.is_alive() or time.monotonic() > deadline:
                raise TimeoutError(f"a worker ended, or did not come along in {_PATIENCE:g} s")
        try:
            return pipe.recv()
        except EOFError:
            raise TimeoutError("a worker ended") from None

    def _ends(self) -> dict[int, int]:
        return {partition: end for partition, (_, end) in self._log.bounds(self._topic).items()}


@contextmanager
def opened_workers(
    settings: Settings, count: int, log: Log, cores: Sequence[Collection[int]] = (), *, train: bool = True
) -> Iterator[Workers]:
    """`count` workers, joined; the k-th keeps to the k-th of `cores`, counted in the round.

    Without `train` no job begins. Raises TimeoutError.
    """
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes: list[BaseProcess] = []
    try:
        for number in range(count):
            ours, theirs = context.Pipe()
            kept = cores[number % len(cores)] if cores else ()
            process: BaseProcess = context.Process(target=_serve, args=(settings, theirs, kept, train))
            process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        workers = Workers(pipes, processes, log, settings.events_topic)
        workers.join(settings.partitions)
        yield workers
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(60.0)
            if process.is_alive():
                process.kill()
                process.join()


def _serve(settings: Settings, pipe: Connection, cores: Collection[int], train: bool) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    held = nullcontext() if train else training_held()
    with closing(KafkaLog(settings.kafka)) as log, held, make_worker(settings, log) as worker:
        _obey(worker, settings, pipe)


def _obey(worker: Worker, settings: Settings, pipe: Connection) -> None:
    """Until the other end is closed."""
    forgets = learner_of(settings).forgets
    while True:
        try:
            order, given = pipe.recv()
        except EOFError:
            return
        if order == "own":
            pipe.send(_until(worker, {}, partial(_owns, worker, given), _JOIN_WITHIN))
        elif order == "settle":
            pipe.send(_until(worker, given, partial(all_settled, worker, settings, given, forgets)))
        elif order == "apply":
            pipe.send(_until(worker, given, partial(_all_applied, worker, given)))
        elif order == "owned":
            pipe.send(sorted(worker.owned))
        elif order == "go":
            while not pipe.poll():
                worker.turn()
        else:
            pipe.send(Cost(0, 0.0, 0.0, 0.0))


def _owns(worker: Worker, count: int) -> bool:
    return len(worker.owned) == count


def _all_applied(worker: Worker, ends: Mapping[int, int]) -> bool:
    return bool(worker.owned) and all(owned.view.applied >= ends[p] for p, owned in worker.owned.items())


def _until(worker: Worker, ends: Mapping[int, int], done: Callable[[], bool], within: float = _PATIENCE) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    events, applied = 0, 0.0
    while not done():
        events += worker.turn()
        if not applied and all(owned.view.applied >= ends.get(p, 0) for p, owned in worker.owned.items()):
            applied = time.perf_counter() - wall
        if time.perf_counter() - wall > within:
            raise TimeoutError(f"not done in {within:g} s")
    return Cost(events, applied, time.perf_counter() - wall, time.process_time() - cpu)
