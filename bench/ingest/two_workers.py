"""What an event costs two workers on two cores, beside what it costs one."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from bench.figures import Figure
from bench.machine import cores
from bench.processes.environment import Environment, encode
from bench.processes.event_streams import inserts
from bench.processes.workers import Cost, opened_workers

__all__ = ["measured", "phases"]

GOAL = 1.1
_COUNTS = (1, 2)


def phases(runs: int) -> int:
    """How often `measured` says what it does."""
    return 1 + runs * len(_COUNTS)


def measured(environment: Environment, events: int, runs: int, tick: Callable[[str], None]) -> list[Figure]:
    """The whole backlog is there before they begin; CPU of the workers alone, training included."""
    tick("one worker and two: the events")
    messages = [encode(event) for event in inserts(events, seed=4)]
    found: dict[int, list[Cost]] = {count: [] for count in _COUNTS}
    for number in range(runs):
        for count in _COUNTS:
            tick(f"{count} of two workers, run {number + 1}")
            found[count].append(_cost(environment, messages, count, f"of-{count}-{number}"))
    one, two = ([cost.cpu / cost.events * 1e6 for cost in found[count]] for count in _COUNTS)
    ratios = [b / a for a, b in zip(one, two, strict=True)]
    pace = [cost.events / cost.wall for cost in found[2]]
    return [
        Figure("ingest.two_workers", statistics.median(ratios), "times", goal=GOAL, runs={"ours": ratios}),
        Figure("ingest.two_workers.cpu", statistics.median(two), "us", peer=statistics.median(one)),
        Figure.of_runs("ingest.two_workers.pace", "events/s", pace, [cost.events / cost.wall for cost in found[1]]),
    ]


def _cost(environment: Environment, messages: list[tuple[bytes, bytes]], count: int, name: str) -> Cost:
    settings = environment.model(name, trainers=0)
    warm = len(messages) // 10
    with opened_workers(settings, count, environment.log, [[core] for core in cores(count)]) as workers:
        environment.send(settings, messages[:warm])
        workers.settle(environment.client)
        environment.send(settings, messages[warm:])
        cost = workers.settle(environment.client)
    environment.forget(settings)
    return cost
