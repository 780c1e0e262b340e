"""One model from empty to millions of records, by the product itself: bytes a record and CPU an event, by its size."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from bench.figures import Figure
from bench.machine import cores
from bench.processes.environment import Environment
from bench.processes.event_streams import inserts
from bench.processes.redis_memory import Held, held, used
from bench.processes.workers import Cost, Workers, opened_workers
from unlearn.settings import Settings

__all__ = ["Growth", "measured", "phases"]

FLAT_GOAL, BYTES_GOAL = 1.2, 50.0
_WHILE_HELD = 250_000
"""While more events are sent the worker takes its turns: its group puts out who stands still for minutes."""


class Growth(NamedTuple):
    """Records at which memory is weighed, in order; and `windows` of so many events each whose cost is compared.

    They begin at `small` and at the last size that is weighed.
    """

    weighed: tuple[int, ...]
    small: int
    windows: int
    window: int


def phases(growth: Growth) -> int:
    """How often `measured` says what it does."""
    return len(growth.weighed) + 2


def measured(environment: Environment, growth: Growth, tick: Callable[[str], None]) -> list[Figure]:
    """Bytes at every size, and the cost at the last one beside that at the small one."""
    settings = environment.model("growing", trainers=0)
    last = growth.weighed[-1]
    events = inserts(last + growth.windows * growth.window, seed=5)
    found: list[Figure] = []
    with opened_workers(settings, 1, environment.log, [cores(1)]) as workers:
        grown = _Grown(environment, settings, workers, events)
        small: list[Cost] = []
        for size in sorted({*growth.weighed, growth.small}):
            tick(f"growing to {size:,} records")
            grown.to(size)
            if size in growth.weighed:
                found += _bytes(grown, size)
            if size == growth.small:
                small = grown.windows(growth)
        tick(f"windows at {last:,} records")
        large = grown.windows(growth)
    environment.forget(settings)
    return [*_flat(small, large), *found]


class _Grown:
    """A model that grows; how many records it has, and what Redis had in use before."""

    def __init__(
        self, environment: Environment, settings: Settings, workers: Workers, events: Iterator[Mapping[str, Any]]
    ) -> None:
        self.environment, self.settings, self._workers, self._events = environment, settings, workers, events
        self.records, self.before = 0, used(environment.client)

    def to(self, size: int) -> None:
        beside = size - self.records > _WHILE_HELD
        if beside:
            self._workers.go()
        self._send(size - self.records)
        if beside:
            self._workers.hold()
        self._workers.settle(self.environment.client)

    def windows(self, growth: Growth) -> list[Cost]:
        return [self._window(growth.window) for _ in range(growth.windows)]

    def _window(self, events: int) -> Cost:
        self._send(events)
        return self._workers.settle(self.environment.client)

    def _send(self, events: int) -> None:
        self.environment.produce(self.settings, islice(self._events, events))
        self.records += events


def _bytes(grown: _Grown, size: int) -> list[Figure]:
    client = grown.environment.client
    weighed: Held = held(client, grown.settings.model, random.Random(1))
    of = f"ingest.redis_bytes_per_record.{size}"
    return [
        Figure(of, (weighed.record_bytes + weighed.subject_bytes) / size, "bytes", goal=BYTES_GOAL),
        Figure(f"{of}.records", weighed.record_bytes / size, "bytes"),
        Figure(f"{of}.used_memory", (used(client) - grown.before) / size, "bytes"),
    ]


def _flat(small: list[Cost], large: list[Cost]) -> list[Figure]:
    # As windows follow each other, none is the other's fellow: medians are compared.
    one, other = ([(cost.cpu + cost.redis_cpu) / cost.events * 1e6 for cost in costs] for costs in (small, large))
    mine, mine_large = ([cost.cpu / cost.events * 1e6 for cost in costs] for costs in (small, large))
    ratio = statistics.median(mine_large) / statistics.median(mine)
    return [
        Figure("ingest.flat", ratio, "times", goal=FLAT_GOAL, runs={"ours": mine_large, "small": mine}),
        Figure(
            "ingest.flat.with_redis",
            statistics.median(other) / statistics.median(one),
            "times",
            runs={"ours": other, "small": one},
        ),
    ]
