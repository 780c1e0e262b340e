"""Millions of events through some workers on as many cores, then both verifications, then a worker killed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from bench.figures import Figure, Report, Table
from bench.machine import cores
from bench.processes.environment import PARTITIONS, Environment, opened
from bench.processes.event_streams import inserts, with_deletions
from bench.processes.peak_memory import watched
from bench.processes.pinned_redis import server_of
from bench.processes.redis_memory import used
from bench.processes.workers import Cost, Workers, opened_workers
from bench.progress import Ticker
from bench.scale.claims import Claimed, kill_one, progress_of
from bench.scale.verifying import WAYS, Verified, verified
from unlearn.settings import Settings

__all__ = ["phases", "run"]

HSPAM14 = 14_000_000
"""Tweets of HSpam14; the goals in minutes are for so many events, and for fewer in proportion."""
MINUTES_GOAL, VERIFIED_GOAL, RSS_GOAL, CLAIM_GOAL = 10.0, 20.0, 1.0, 2.0
_DELETED = 0.01
_QUICK, _FULL = 20_000, 1_000_000


@dataclass(slots=True)
class _Found:
    """What was measured; `rss` in bytes by process."""

    events: int
    seconds: float
    cost: Cost
    rss: Mapping[str, int]
    used_memory: int
    redis_rss: int
    store: int
    files: int
    verified: dict[str, Verified] = field(default_factory=dict)
    claimed: Claimed | None = None


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 2 + len(WAYS) + 2


def run(
    config: Path | None,
    quick: bool,
    tick: Ticker,
    events: int | None = None,
    workers: int | None = None,
    backlog: int | None = None,
) -> Report:
    """Every figure of `scale`. Raises UnlearnError where services don't start, TimeoutError where work doesn't end."""
    default = _QUICK if quick else _FULL
    count, wanted, many = events or default, backlog or default, workers or 2
    with opened(config) as environment:
        settings = environment.model("scale")
        found = _measured(environment, settings, (count, many, wanted), tick)
    return Report("scale", _notes(found, many, settings), _figures(found), [_sizes(found), _verdicts(found)])


def _measured(environment: Environment, settings: Settings, asked: tuple[int, int, int], tick: Ticker) -> _Found:
    events, many, backlog = asked
    tick(f"sending {events:,} events")
    stream = with_deletions(inserts(events, seed=11), _DELETED, seed=11)
    sent = environment.produce(settings, stream, lambda done: tick.part("sent", done, events))
    tick(f"{many} workers")
    before, began = used(environment.client), time.monotonic()
    with opened_workers(settings, many, environment.log, [cores(many)]) as workers:
        found = _drained(environment, settings, workers, (sent, began, before), tick)
        workers.go()
        for way in WAYS:
            tick(f"verify, from {way}")
            found.verified[way] = verified(settings, way, tick.part)
        workers.hold()
        if many > 1:
            found.claimed = _killed(environment, settings, workers, backlog, tick)
    return found


def _drained(
    environment: Environment, settings: Settings, workers: Workers, began: tuple[int, float, int], tick: Ticker
) -> _Found:
    sent, start, before = began
    client = environment.client
    processes = {f"worker {number}": process.pid or 0 for number, process in enumerate(workers.processes, 1)}
    server = server_of(client)
    with watched(processes | ({"redis": server.pid} if server else {})) as peaks:
        cost = workers.settle(client, lambda: tick.part("applied", _applied(client, settings), sent))
    sizes = [path.stat().st_size for path in _store(environment, settings).rglob("*") if path.is_file()]
    seconds = time.monotonic() - start
    redis_rss = peaks.bytes.pop("redis", 0)
    return _Found(sent, seconds, cost, peaks.bytes, used(client) - before, redis_rss, sum(sizes), len(sizes))


def _killed(environment: Environment, settings: Settings, workers: Workers, backlog: int, tick: Ticker) -> Claimed:
    tick(f"sending a backlog of {backlog:,}")
    environment.produce(settings, inserts(backlog, seed=12), lambda done: tick.part("sent", done, backlog))
    tick("a worker killed")
    ends = {partition: end for partition, (_, end) in environment.log.bounds(settings.events_topic).items()}
    return kill_one(environment.client, settings, workers, ends)


def _applied(client: redis.Redis, settings: Settings) -> int:
    return sum(applied for _, applied in progress_of(client, settings, list(range(PARTITIONS))).values())


def _store(environment: Environment, settings: Settings) -> Path:
    return environment.folder / settings.store.url.rsplit("/", 1)[1]


def _figures(found: _Found) -> list[Figure]:
    share, minutes = found.events / HSPAM14, found.seconds / 60
    verifying = sum(one.seconds for one in found.verified.values()) / 60
    figures = [
        Figure("scale.minutes", minutes, "min", goal=MINUTES_GOAL * share),
        Figure("scale.verify_minutes", minutes + verifying, "min", goal=VERIFIED_GOAL * share),
        Figure("scale.rss", max(found.rss.values()) / 2**30, "GiB", goal=RSS_GOAL),
        Figure("scale.not_equal", _not_equal(found), "shards", goal=0.0),
        Figure("scale.events_per_second", found.events / found.seconds, "events/s", more_is_better=True),
        Figure("scale.cpu_per_event", found.cost.cpu / found.cost.events * 1e6, "us"),
        Figure("scale.redis_cpu_per_event", found.cost.redis_cpu / found.cost.events * 1e6, "us"),
        Figure("scale.redis_bytes_per_event", found.used_memory / found.events, "bytes"),
        Figure("scale.store_bytes_per_event", found.store / found.events, "bytes"),
        *(Figure(f"scale.verify_rss.{way}", one.rss / 2**30, "GiB") for way, one in found.verified.items()),
    ]
    return figures + _claim_figures(found.claimed)


def _claim_figures(claimed: Claimed | None) -> list[Figure]:
    if claimed is None:
        return []
    beyond = {"first": claimed.applied[0], "last": claimed.applied[1]}
    after = {which: at - claimed.expelled for which, at in beyond.items()}
    return [
        Figure("scale.claim_seconds", after["first"], "s", goal=CLAIM_GOAL),
        Figure("scale.claim_seconds.last_partition", after["last"], "s"),
        Figure("scale.claim_seconds.until_claimed", claimed.claimed[0] - claimed.expelled, "s"),
        Figure("scale.claim_seconds.until_expelled", claimed.expelled, "s"),
    ]


def _not_equal(found: _Found) -> int:
    counts = [one.counts for one in found.verified.values()]
    return sum(count for each in counts for verdict, count in each.items() if verdict != "equal")


def _sizes(found: _Found) -> Table:
    rows: list[tuple[str | float, ...]] = [
        (f"{name}, resident at most", _mib(size)) for name, size in found.rss.items()
    ]
    rows += [
        ("Redis, resident at most", _mib(found.redis_rss)),
        ("Redis, used_memory", _mib(found.used_memory)),
        (f"store, {found.files:,} files", _mib(found.store)),
    ]
    return Table("memory and disk, MiB", ("what", "MiB"), rows)


def _verdicts(found: _Found) -> Table:
    rows: list[tuple[str | float, ...]] = [
        (f"from {way}", round(one.seconds / 60, 2), _mib(one.rss), _told(one.counts))
        for way, one in found.verified.items()
    ]
    return Table("verify", ("way", "minutes", "MiB resident at most", "shards"), rows)


def _told(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _mib(size: float) -> float:
    return round(size / 2**20, 1)


def _notes(found: _Found, workers: int, settings: Settings) -> list[str]:
    notes = [
        (
            f"{found.events:,} events of the generator, in streams of a million, 1% of them deletions: 60% by subject "
            "and record, 20% whole subjects, 20% record ids alone. All are there before the workers start."
        ),
        (
            f"{workers} workers with {settings.trainers} trainer each on {workers} cores, which Kafka and Redis may "
            "use too; minutes run from the workers' start until all is learned, published and answered."
        ),
        "CPU an event is that of the workers without their trainers.",
        f"Goals in minutes are those for {HSPAM14:,} events, in proportion.",
        "verify_minutes: the workers' minutes and both verifications, one after the other; the workers stay up.",
    ]
    if found.claimed is not None:
        notes.append(
            f"claim_seconds: a worker killed with {found.claimed.backlog:,} events before it; from the moment the "
            f"broker has put it out of the group (session time-out {settings.kafka.session_timeout:g} s) until the "
            "first event is applied by its successor."
        )
    return notes
