"""How much a backlog is slowed by training beside it, on one core."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from bench.figures import Figure
from bench.machine import cores
from bench.processes.environment import Environment, encode
from bench.processes.event_streams import inserts
from bench.processes.workers import opened_workers

__all__ = ["measured", "phases"]

GOAL = 1.1
_SIDES = {"with training": True, "training held": False}


def phases(runs: int) -> int:
    """How often `measured` says what it does."""
    return 1 + runs * len(_SIDES)


def measured(environment: Environment, events: int, runs: int, tick: Callable[[str], None]) -> list[Figure]:
    """A worker and its trainer share a core; the trainer has started and learned a tenth before the clock runs."""
    tick("training beside a backlog: the events")
    messages = [encode(event) for event in inserts(events, seed=9)]
    found: dict[str, list[float]] = {side: [] for side in _SIDES}
    for number in range(runs):
        for side, train in _SIDES.items():
            tick(f"a backlog {side}, run {number + 1}")
            found[side].append(_pace(environment, messages, f"{side.replace(' ', '-')}-{number}", train))
    beside, held = found.values()
    slows = [without / with_it for with_it, without in zip(beside, held, strict=True)]
    return [
        Figure("ingest.training_slows", statistics.median(slows), "times", goal=GOAL, runs={"ours": slows}),
        Figure.of_runs("ingest.training_slows.pace", "events/s", beside, held),
    ]


def _pace(environment: Environment, messages: list[tuple[bytes, bytes]], name: str, train: bool) -> float:
    """Events a second until the backlog is applied, whatever is left to learn then."""
    settings = environment.model(name, trainers=1)
    warm = len(messages) // 10
    with opened_workers(settings, 1, environment.log, [cores(1)], train=train) as workers:
        environment.send(settings, messages[:warm])
        if train:
            workers.settle(environment.client)
        else:
            workers.apply()
        environment.send(settings, messages[warm:])
        cost = workers.apply()
    environment.forget(settings)
    return cost.events / cost.wall
