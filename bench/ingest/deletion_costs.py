"""What a deletion costs the worker and Redis, from its record to its receipt, training and cleaning up included."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bench.figures import Figure
from bench.machine import cores
from bench.processes.environment import Environment, encode
from bench.processes.event_streams import MIXED, inserts, with_deletions
from bench.processes.workers import Cost, Workers, opened_workers
from unlearn.settings import Settings
from unlearn_study.generator.tweet_generator import Kind, deletions

__all__ = ["Deletions", "measured", "phases"]

GOAL = 40.0
_SHARE = 0.01
_KINDS: Mapping[str, Mapping[Kind, float]] = {
    "": MIXED,
    ".record": {"record": 1.0},
    ".subject": {"subject": 1.0},
    ".copied": {"record-only": 1.0},
}


class Deletions(NamedTuple):
    """`runs` of `at_once` deletions of each kind, in a model of so many records."""

    records: int
    at_once: int
    runs: int


def phases(size: Deletions) -> int:
    """How often `measured` says what it does."""
    return 1 + size.runs + 1


def measured(environment: Environment, size: Deletions, tick: Callable[[str], None]) -> list[Figure]:
    """Microseconds of CPU a deletion that was sent: mixed, of each kind alone, and one by one among inserts."""
    settings = environment.model("deletion-costs", trainers=0)
    tick(f"deletions' CPU: {size.records:,} records")
    events = list(inserts(size.records, seed=6))
    costs: dict[str, list[Cost]] = {kind: [] for kind in _KINDS}
    with opened_workers(settings, 1, environment.log, [cores(1)]) as workers:
        environment.produce(settings, events)
        workers.settle(environment.client)
        for run in range(size.runs):
            tick(f"deletions' CPU, run {run + 1}")
            for number, (kind, mix) in enumerate(_KINDS.items()):
                asked = deletions(events, size.at_once, seed=7 + run * len(_KINDS) + number, mix=mix)
                costs[kind].append(_cost(environment, settings, workers, asked))
    environment.forget(settings)
    tick("deletions' CPU, among inserts")
    among = _among(environment, size)
    median = statistics.median(among)
    return [
        *(figure for kind in _KINDS for figure in _figures(kind, costs[kind], size.at_once)),
        Figure("ingest.deletions.among_inserts", median, "us", runs={"ours": among}),
    ]


def _among(environment: Environment, size: Deletions) -> list[float]:
    """What inserts with a hundredth of deletions among them cost more than inserts alone, by the deletion."""
    settings, found = environment.model("deletions-among", trainers=0), list[float]()
    each = size.records // 4
    with opened_workers(settings, 1, environment.log, [cores(1)]) as workers:
        # Kernels are loaded at their first use.
        environment.produce(settings, with_deletions(inserts(max(20_000, each), seed=99), _SHARE, seed=99))
        workers.settle(environment.client)
        for run in range(size.runs):
            environment.produce(settings, inserts(each, seed=100 + 2 * run))
            alone = workers.settle(environment.client)
            stream = with_deletions(inserts(each, seed=101 + 2 * run), _SHARE, seed=run)
            deleted = environment.produce(settings, stream) - each
            mixed = workers.settle(environment.client)
            more = (mixed.cpu + mixed.redis_cpu) - (alone.cpu + alone.redis_cpu)
            found.append(more / max(1, deleted) * 1e6)
    environment.forget(settings)
    return found


def _cost(environment: Environment, settings: Settings, workers: Workers, asked: Iterator[dict[str, str]]) -> Cost:
    environment.send(settings, map(encode, asked))
    return workers.settle(environment.client)


def _figures(kind: str, costs: list[Cost], count: int) -> list[Figure]:
    redis = [cost.redis_cpu / count * 1e6 for cost in costs]
    both = [(cost.cpu + cost.redis_cpu) / count * 1e6 for cost in costs]
    name = f"ingest.deletions{kind}"
    return [
        Figure(name, statistics.median(both), "us", goal=None if kind else GOAL, runs={"ours": both}),
        Figure(f"{name}.redis", statistics.median(redis), "us", runs={"ours": redis}),
    ]
