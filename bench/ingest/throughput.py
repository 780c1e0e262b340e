"""Events a second on one core: the whole path, and a bare kafka-python poll loop over the same topic.

Each side runs in a process of its own, pinned to one core, from a joined group to the topic's end. The
clock starts when a tenth of the events is through: by then kernels are compiled and buffers are full. A worker's
stops once nothing is left to do: all slices that have ended are filed, learned and published. So training that was
put off past the topic's end counts, with the wait before it, in which hardly any CPU is used.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from kafka import TopicPartition

from bench.ingest.steps import Step, Stopwatch, watch_steps
from bench.processes.settling import all_settled
from unlearn.learners import learner_of
from unlearn.log.kafka.consumer import consumer
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn.worker.lifecycle import make_worker
from unlearn.worker.loop import Worker
from unlearn_models import Rows, hash_texts

__all__ = ["Measured", "Pace", "bare_poll", "whole_path"]

_PATIENCE = 300.0


class Pace(NamedTuple):
    """Events a second by the wall's clock, and by the process' own CPU time."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. `steps` is empty unless they were watched; `events` is how many they cover."""

    pace: Pace
    events: int
    counters: dict[str, int] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)


class _Clock:
    """Times what comes after the first `skip` events."""

    def __init__(self, skip: int, total: int, begin: Callable[[], None] = lambda: None) -> None:
        self._skip, self._total, self._begin = skip, total, begin
        self._from = 0
        self._seen = 0
        self._start: tuple[float, float] | None = None

    def add(self, events: int) -> bool:
        """Whether all events are through."""
        self._seen += events
        if self._start is None and self._seen >= self._skip:
            self._from = self._seen
            self._begin()
            self._start = time.perf_counter(), time.process_time()
        return self._seen >= self._total

    def stop(self) -> tuple[Pace, int]:
        assert self._start is not None
        wall, cpu = time.perf_counter() - self._start[0], time.process_time() - self._start[1]
        events = self._seen - self._from
        return Pace(events / wall, events / cpu), events


def whole_path(settings: Settings, total: int, watched: bool = False) -> Measured:
    """Apply all `total` events of the topic with one worker; training happens in it if `trainers` is 0."""
    stopwatch, forgets = Stopwatch(), learner_of(settings).forgets
    watching = watch_steps(stopwatch) if watched else nullcontext()
    with closing(KafkaLog(settings.kafka)) as log, watching, make_worker(settings, log) as worker:
        _warm_up(settings)
        clock = _Clock(total // 10, total, stopwatch.reset)
        _until(lambda: clock.add(_turn(worker, stopwatch, watched)))
        ends = {partition: end for partition, (_, end) in worker.bounds().items()}
        done = partial(all_settled, worker, settings, ends, forgets)
        _until(lambda: clock.add(_turn(worker, stopwatch, watched)) and done())
        pace, events = clock.stop()
        steps = dict(stopwatch.steps)
        counters = sum((owned.counters for owned in worker.owned.values()), worker.counters)
    return Measured(pace, events, dict(counters), steps)


def bare_poll(settings: Settings, total: int) -> Measured:
    """Poll the topic to its end with the worker's consumer settings and batch size, and count."""
    reader = consumer(settings.kafka)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    tps = [TopicPartition(settings.events_topic, number) for number in range(settings.partitions)]
    reader.assign(tps)
    for tp in tps:
        reader.seek(tp, 0)
    clock = _Clock(total // 10, total)
    try:
        _until(lambda: clock.add(sum(map(len, reader.poll(100, settings.batch_records).values()))))
        return Measured(*clock.stop())
    finally:
        reader.close(autocommit=False)


def _turn(worker: Worker, stopwatch: Stopwatch, watched: bool) -> int:
    return stopwatch.timed("loop, everything else", worker.turn) if watched else worker.turn()


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the topic's end was not reached in {_PATIENCE:g} s")


def _warm_up(settings: Settings) -> None:
    """Load the compiled kernels."""
    learner = learner_of(settings)
    counts = hash_texts(["some words", "other words"], settings.features)
    learner.learn(learner.empty(), Rows(np.array([0, 1], np.int32), *counts))
