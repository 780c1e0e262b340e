"""Ingest beside a bare poll, the share of each step, Redis' bytes, time to hidden, gaps between manifests."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.deletions import Load, Phases, measure
from bench.environment import PARTITIONS, Environment, opened
from bench.figures import Figure, Report, Table, percentile
from bench.machine import on_one_core
from bench.memory import Held, fill, held, redis_cpu, used
from bench.throughput import Measured, bare_poll, whole_path
from unlearn.settings import Settings
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["FULL", "QUICK", "Size", "phases", "run"]

EVENTS_GOAL, BYTES_GOAL, HIDDEN_GOAL, GAP_GOAL = 60_000.0, 50.0, 1.0, 1.0
LEARNERS = ("naive-bayes", "linear")

Tick = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured; `alone` is (records, subjects) of the partition whose memory is weighed by itself."""

    events: int
    runs: int
    alone: tuple[int, int]
    load: Load


FULL = Size(200_000, 3, (1_000_000, 250_000), Load(40_000, 200, 12.0, 2000.0, 750, 50.0))
QUICK = Size(3000, 1, (2000, 500), Load(500, 20, 20.0, 200.0, 50, 50.0))


class _Side(NamedTuple):
    """One run of the whole path, with what it cost Redis."""

    measured: Measured
    redis_cpu: float
    redis_bytes: int


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    runs = (QUICK if quick else FULL).runs
    return 1 + runs * 2 + len(LEARNERS[1:]) + 1 + 1 + len(LEARNERS) * 4


def run(config: Path | None, quick: bool, tick: Tick) -> Report:
    """Every figure of `ingest`. Raises UnlearnError where services don't start, TimeoutError where work doesn't end."""
    size = QUICK if quick else FULL
    report = Report("ingest", notes=_notes(size))
    with opened(config) as environment:
        _ingest(environment, size, report, tick)
        _memory_alone(environment, size, report, tick)
        _deletions(environment, size, report, tick)
    return report


def _ingest(environment: Environment, size: Size, report: Report, tick: Tick) -> None:
    topic = environment.model("events")
    tick(f"producing {size.events:,} events")
    environment.produce(topic, tweets(size.events, seed=1))
    sides: dict[str, list[_Side]] = {name: [] for name in LEARNERS}
    bare: list[Measured] = []
    weighed: Held | None = None
    for number in range(size.runs):
        tick(f"bare poll, run {number + 1}")
        bare.append(on_one_core(bare_poll, topic, size.events))
        for learner in LEARNERS if number == 0 else LEARNERS[:1]:
            tick(f"whole path, {learner}, run {number + 1}")
            settings = _sharing(environment, topic, f"{learner}-{number}", learner)
            sides[learner].append(_whole(environment, settings, size.events))
            weighed = weighed or held(environment.client, settings.model, random.Random(1))
            environment.forget(settings)
    assert weighed is not None
    tick("whole path, steps watched")
    settings = _sharing(environment, topic, "watched", LEARNERS[0])
    watched = _whole(environment, settings, size.events, watched=True)
    report.figures += _pace_figures(sides, bare) + _memory_figures(sides, weighed, size.events)
    report.tables.append(_steps(watched, size.events))


def _sharing(environment: Environment, topic: Settings, name: str, learner: str) -> Settings:
    return environment.model(name, learner=learner, trainers=0, topics={"events": topic.events_topic})


def _whole(environment: Environment, settings: Settings, events: int, watched: bool = False) -> _Side:
    cpu, memory = redis_cpu(environment.client), used(environment.client)
    measured = on_one_core(whole_path, settings, events, watched)
    return _Side(measured, redis_cpu(environment.client) - cpu, used(environment.client) - memory)


def _pace_figures(sides: dict[str, list[_Side]], bare: list[Measured]) -> list[Figure]:
    figures: list[Figure] = []
    peer = [one.pace.wall for one in bare]
    peer_cpu = [one.pace.cpu for one in bare]
    for learner, runs in sides.items():
        suffix = _suffix(learner)
        wall = [one.measured.pace.wall for one in runs]
        cpu = [one.measured.pace.cpu for one in runs]
        figures += [
            Figure.of_runs(f"ingest.events_per_second{suffix}", "events/s", wall, peer, EVENTS_GOAL),
            Figure.of_runs(f"ingest.events_per_cpu_second{suffix}", "events/cpu s", cpu, peer_cpu),
        ]
    vs_poll = [ours.measured.pace.wall / theirs for ours, theirs in zip(sides[LEARNERS[0]], peer, strict=True)]
    return [*figures, Figure.of_runs("ingest.vs_poll", "of bare poll", vs_poll)]


def _memory_figures(sides: dict[str, list[_Side]], weighed: Held, events: int) -> list[Figure]:
    grown = [one.redis_bytes / events for runs in sides.values() for one in runs]
    cpu = [one.redis_cpu / events * 1e6 for runs in sides.values() for one in runs]
    return [
        Figure(
            "ingest.redis_bytes_per_record", statistics.median(grown), "bytes", goal=BYTES_GOAL, runs={"ours": grown}
        ),
        Figure("ingest.redis_bytes_per_record.records", weighed.record_bytes / max(1, weighed.records), "bytes"),
        Figure("ingest.redis_bytes_per_record.subjects", weighed.subject_bytes / max(1, weighed.records), "bytes"),
        Figure("ingest.redis_cpu_per_event", statistics.median(cpu), "us", runs={"ours": cpu}),
    ]


def _memory_alone(environment: Environment, size: Size, report: Report, tick: Tick) -> None:
    records, subjects = size.alone
    tick(f"weighing {records:,} records in one partition")
    settings = environment.model("alone")
    fill(environment.client, settings.model, records, subjects, random.Random(1))
    weighed = held(environment.client, settings.model, random.Random(1))
    environment.forget(settings)
    report.figures += [
        Figure("memory.bytes_per_record_in_a_full_partition", weighed.record_bytes / records, "bytes", goal=BYTES_GOAL),
        Figure("memory.bytes_per_subject_in_a_full_partition", weighed.subject_bytes / subjects, "bytes"),
    ]


def _deletions(environment: Environment, size: Size, report: Report, tick: Tick) -> None:
    for learner in LEARNERS:
        settings = environment.model(f"deletions-{learner}", learner=learner)
        report.figures += _hidden_figures(measure(environment, settings, size.load, tick), learner)


def _suffix(learner: str) -> str:
    return "" if learner == LEARNERS[0] else f".{learner}"


def _hidden_figures(phases: Phases, learner: str) -> list[Figure]:
    figures: list[Figure] = []
    suffix = _suffix(learner)
    for name, took in (("", phases.idle), (".under_load", phases.busy)):
        figures += [
            Figure(f"hidden{name}.median{suffix}", statistics.median(took), "s", goal=HIDDEN_GOAL),
            Figure(f"hidden{name}.p99{suffix}", percentile(took, 0.99), "s", goal=HIDDEN_GOAL),
        ]
    return [
        *figures,
        Figure(f"hidden.missing{suffix}", phases.unhidden, "deletions", goal=0.0),
        Figure(f"manifests.max_gap{suffix}", max(phases.gaps), "s", goal=GAP_GOAL),
        Figure(f"manifests.p99_gap{suffix}", percentile(phases.gaps, 0.99), "s", goal=GAP_GOAL),
    ]


def _steps(side: _Side, events: int) -> Table:
    """Microseconds an event. Wall time includes what others on the machine took; CPU time is the thread's own."""
    watched = side.measured
    total = sum(step.wall for name, step in watched.steps.items() if "file thread" not in name)
    rows: list[tuple[str | float, ...]] = [
        (name, _us(step.wall, watched.events), _us(step.cpu, watched.events), round(100 * step.wall / total, 1))
        for name, step in sorted(watched.steps.items())
    ]
    known = sum(step.cpu for step in watched.steps.values()) / watched.events
    others = max(0.0, 1.0 / watched.pace.cpu - known)
    rows.append(("other threads of the process", "", round(others * 1e6, 2), ""))
    rows.append(("Redis' own CPU, beside", "", _us(side.redis_cpu, events), ""))
    return Table("steps of the whole path, us an event", ("step", "wall", "cpu", "% of wall"), rows)


def _us(seconds: float, events: int) -> float:
    return round(seconds / events * 1e6, 2)


def _notes(size: Size) -> list[str]:
    return [
        (
            f"{size.events:,} inserts of about 250 bytes, {PARTITIONS} partitions, local Kafka and Redis "
            "(append-only file, everysec) on the same machine, outside of the measured core."
        ),
        (
            "Whole path: one worker process on one core, trainers=0, so it trains and writes its files there too; "
            "from poll to published manifests. Bare poll: kafka-python, same consumer settings and batch size, "
            "one process on one core. Runs alternate; figures are medians."
        ),
        "Steps: another run with clocks around the steps; naive Bayes. Exclusive times.",
        (
            "Bytes a record: growth of used_memory over all members, subjects included, with few records a hash; "
            "`full_partition` writes the same entries for as many records as the hashes are made for."
        ),
        "Figures without a learner's name are naive Bayes; the pace of the others is that of one run.",
        (
            "Hidden: from a deletion's record to the manifest that its receipt names, by the broker's clock; one "
            f"worker with one trainer; single deletions at {size.load.deletion_rate:g} a second, idle, then with "
            f"{size.load.insert_rate:g} inserts a second beside."
        ),
        (
            f"Gaps: between neighbouring manifests of a partition, while {size.load.kill_rate:g} deletions a second "
            "hit 12 shards."
        ),
    ]
