"""Ingest beside bare polls and peers, its steps, its size in Redis, and how soon deletions are hidden."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure, Report, percentile
from bench.ingest import backlog, deletion_costs, growth, training_beside, two_workers
from bench.ingest import turns as ingest_turns
from bench.ingest.backlog import Backlog
from bench.ingest.deletion_costs import Deletions
from bench.ingest.deletions import Load, Phases, measure
from bench.ingest.growth import Growth
from bench.ingest.turns import Turns
from bench.processes.environment import PARTITIONS, Environment, opened
from bench.processes.redis_memory import fill, held

__all__ = ["FULL", "QUICK", "Size", "phases", "run"]

BYTES_GOAL, HIDDEN_GOAL, GAP_GOAL = 50.0, 1.0, 1.0
LEARNERS = ("naive-bayes", "linear")

Tick = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured; `alone` is (records, subjects) of the partition whose memory is weighed by itself."""

    events: int
    runs: int
    pair: int
    growth: Growth
    deletions: Deletions
    backlog: Backlog
    alone: tuple[int, int]
    load: Load


FULL = Size(
    events=400_000,
    runs=5,
    pair=200_000,
    growth=Growth((10_000, 200_000, 5_000_000), 50_000, 5, 30_000),
    deletions=Deletions(200_000, 10_000, 5),
    backlog=Backlog(1_000_000, 0.001),
    alone=(1_000_000, 250_000),
    load=Load(40_000, 200, 12.0, 2000.0, 750, 50.0),
)
QUICK = Size(
    events=3000,
    runs=1,
    pair=2000,
    growth=Growth((500, 1000, 3000), 700, 1, 300),
    deletions=Deletions(2000, 50, 1),
    backlog=Backlog(30_000, 0.002),
    alone=(2000, 500),
    load=Load(500, 20, 20.0, 200.0, 50, 50.0),
)


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    size = QUICK if quick else FULL
    parts = ingest_turns.phases(size.runs) + two_workers.phases(size.runs) + growth.phases(size.growth)
    parts += training_beside.phases(size.runs)
    return parts + deletion_costs.phases(size.deletions) + 1 + len(LEARNERS) * (backlog.PHASES + 4)


def run(config: Path | None, quick: bool, tick: Tick) -> Report:
    """Every figure of `ingest`. Raises UnlearnError where services don't start, TimeoutError where work doesn't end."""
    size = QUICK if quick else FULL
    report = Report("ingest", notes=_notes(size))
    with opened(config) as environment:
        turns = ingest_turns.taken(environment, size.events, size.runs, tick)
        report.figures += ingest_turns.figures(turns, size.events)
        report.tables.append(ingest_turns.steps(turns, size.events))
        report.notes += _lacking(turns)
        report.figures += two_workers.measured(environment, size.pair, size.runs, tick)
        report.figures += training_beside.measured(environment, size.events, size.runs, tick)
        report.figures += growth.measured(environment, size.growth, tick)
        report.figures += deletion_costs.measured(environment, size.deletions, tick)
        for learner in LEARNERS:
            report.figures += backlog.measured(environment, size.backlog, learner, tick)
        _memory_alone(environment, size, report, tick)
        _deletions(environment, size, report, tick)
    return report


def _lacking(turns: Turns) -> list[str]:
    """What could not be had, and why."""
    unpinned = ["Redis could not be kept to the worker's core, so `ingest.events_per_second` has two."]
    missing = [f"{name} is missing: {why}" for name, why in turns.missing.items()]
    return ([] if turns.pinned else unpinned) + missing


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


def _notes(size: Size) -> list[str]:
    grown = size.growth
    return [
        (
            f"{size.events:,} inserts of about 250 bytes, {PARTITIONS} partitions, local Kafka and Redis "
            "(append-only file, everysec) on the same machine; Redis' server keeps to the measured core, the broker "
            "does not. Sides take turns; figures are medians, ratios those of each turn's own runs."
        ),
        (
            "Whole path: one worker process on one core, trainers=0, so it trains and writes its files there too. The "
            "clock runs from the first tenth of the events until all ended slices are learned and published, so "
            "training that was put off past the end counts. Bare poll: kafka-python, same consumer settings and batch "
            "size; confluent-kafka's `consume` beside."
        ),
        (
            "Quix' BatchingSink and Bytewax parse the same topic's JSON and write ids into one Redis hash, one HSET a "
            "batch, on the same core as Redis; they neither deduplicate, nor train, nor delete."
        ),
        "Steps: another run with clocks around the steps; naive Bayes. Exclusive times.",
        (
            "training_slows: a backlog's pace with no job begun, by that with training; one trainer process, on the "
            "worker's core, which has started and learned the first tenth before."
        ),
        (
            f"two_workers: {size.pair:,} events, of which a tenth comes first; the workers, one core each, stand still "
            "until all are there. CPU of the workers alone, an event."
        ),
        (
            f"flat: one model grows by the product itself; worker CPU an event of {grown.windows} backlogs of "
            f"{grown.window:,} from {grown.small:,} records on, and as many from {grown.weighed[-1]:,} on. Bytes a "
            "record: the hashes of records and subjects with their keys; `used_memory` is the server's growth over all."
        ),
        (
            f"deletions: {size.deletions.at_once:,} at once among {size.deletions.records:,} records, of which 60% by "
            "subject and record, 20% whole subjects, 20% record ids alone, copied to all partitions. CPU of worker and "
            "Redis a deletion sent, until all are hidden and cleaned up, training included. `among_inserts`: what "
            "inserts with 1% of deletions among them cost more than inserts alone, by the deletion."
        ),
        (
            f"hidden.backlog: {size.backlog.inserts:,} inserts with deletions among them, one worker with one trainer; "
            "from a deletion's `accepted` receipt to the manifest that hides it, by the broker's clock."
        ),
        "Figures without a learner's name are naive Bayes.",
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
