"""What ingest costs now beside an earlier release of ours: one core, Redis on it too, each with a model of its own.

Both models are made before their topics are filled, as a service's is, so that neither has to look for what was sent
on before it was made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.figures import Figure, Report
from bench.ingest.throughput import Pace
from bench.machine import cores
from bench.peer_pythons import last_line
from bench.processes.environment import PARTITIONS, Environment, opened
from bench.processes.event_streams import Event, inserts, with_deletions
from bench.processes.pinned_redis import on_core
from bench.processes.redis_memory import redis_cpu
from unlearn.settings import Settings

__all__ = ["BEFORE", "GOAL", "Run", "figures_of", "phases", "run", "streams"]

BEFORE = "22856cd"
"""The last commit without counts in receipts, aliases and the history of versions."""
GOAL = 0.95
_ROOT = Path(__file__).parents[2]
_SIDE = Path(__file__).with_name("release_side.py")
_WITHIN = 900.0
_FIRST = 20_000
"""Events of the model by which a process loads what it needs."""


class Size(NamedTuple):
    """Events of a stream, and how often it is run through each release."""

    events: int
    runs: int


FULL, QUICK = Size(100_000, 5), Size(5000, 1)


class Run(NamedTuple):
    """Events a second of the worker, and Redis' CPU seconds an event."""

    pace: Pace
    redis: float


Found = Mapping[str, Mapping[str, Sequence[Run]]]
"""Stream -> release -> its runs."""


def streams(events: int) -> Mapping[str, Callable[[int], Iterable[Event]]]:
    """Events by their seed."""
    return {
        "inserts": lambda seed: inserts(events, seed),
        "deletions": lambda seed: with_deletions(inserts(events, seed), 0.01, seed),
        "aliases": lambda seed: _with_aliases(inserts(events, seed)),
    }


def _with_aliases(events: Iterable[Event]) -> Iterator[Event]:
    """Each insert bears an alias of its owner's."""
    return ({**event, "aliases": [f"sha256:{event.get('subject_id') or event['record_id']}"]} for event in events)


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    size = QUICK if quick else FULL
    return 1 + 2 * (1 + len(streams(0)) * size.runs)


def run(config: Path | None, quick: bool, tick: Callable[[str], None], commit: str | None = None) -> Report:
    """Raises UnlearnError where services don't start, TimeoutError where a release can't be had, or doesn't end."""
    size = QUICK if quick else FULL
    before = commit or BEFORE
    with opened(config) as environment, TemporaryDirectory(prefix="unlearn-release-") as folder:
        tick(f"the tree of {before}")
        releases = {"before": _tree(before, Path(folder)), "now": _ROOT}
        found = _measured(environment, releases, size, tick)
    return Report("releases", _notes(size, before), figures_of(found))


def _tree(commit: str, folder: Path) -> Path:
    done = subprocess.run(["git", "-C", str(_ROOT), "archive", commit], capture_output=True, check=False)
    if done.returncode != 0:
        raise TimeoutError(f"no tree of {commit}: {last_line(done.stderr.decode(errors='replace'))}")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _measured(
    environment: Environment, releases: Mapping[str, Path], size: Size, tick: Callable[[str], None]
) -> dict[str, dict[str, list[Run]]]:
    core, made = next(iter(cores(1)), None), streams(size.events)
    found: dict[str, dict[str, list[Run]]] = {stream: {name: [] for name in releases} for stream in made}
    with on_core(environment.client, core):
        for name, tree in releases.items():
            tick(f"{name}: kernels")
            _one(environment, tree, f"{name}-warm", _first(), core)
        for number in range(size.runs):
            for stream, events in made.items():
                for name, tree in releases.items():
                    tick(f"{stream}, {name}, run {number + 1}")
                    one = _one(environment, tree, f"{stream}-{name}-{number}", events(number + 1), core)
                    found[stream][name].append(one)
    return found


def _one(environment: Environment, tree: Path, name: str, events: Iterable[Event], core: int | None) -> Run:
    first, settings = environment.model(f"{name}-first", trainers=0), environment.model(name, trainers=0)
    _side(tree, [first, settings], "make", [], core)
    counts = [environment.produce(first, _first()), environment.produce(settings, events)]
    before = redis_cpu(environment.client)
    said = json.loads(_side(tree, [first, settings], "apply", counts, core).splitlines()[-1])
    cost = (redis_cpu(environment.client) - before) / sum(counts)
    for each in (first, settings):
        environment.forget(each)
    return Run(Pace(said["wall"], said["cpu"]), cost)


def _first() -> Iterable[Event]:
    return with_deletions(_with_aliases(inserts(_FIRST, 99)), 0.01, 99)


def _side(tree: Path, models: Sequence[Settings], step: str, counts: Sequence[int], core: int | None) -> str:
    paths = os.pathsep.join(str(tree / part) for part in ("", "processor", "models", "study"))
    command = [sys.executable, "-P", str(_SIDE), step, "+".join(map(str, counts)), "" if core is None else str(core)]
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env={**os.environ, "PYTHONPATH": paths},
            input=json.dumps([_told(settings) for settings in models]),
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"a release did not {step} in {_WITHIN:g} s") from None
    if done.returncode != 0:
        raise TimeoutError(f"a release did not {step}: {last_line(done.stderr)}")
    return done.stdout


def _told(settings: Settings) -> dict[str, Any]:
    """What both releases know of the settings."""
    assert settings.secret is not None
    return {
        "model": settings.model,
        "partitions": settings.partitions,
        "trainers": settings.trainers,
        "secret": settings.secret.get_secret_value(),
        "services_dir": str(settings.services_dir),
        "store": {"url": settings.store.url},
        "redis": {"url": settings.redis.url.get_secret_value()},
        "kafka": {"bootstrap_servers": settings.kafka.bootstrap_servers},
    }


def figures_of(found: Found) -> list[Figure]:
    """The figures of all streams: each has the goal that ingest loses at most 5%."""
    figures: list[Figure] = []
    for stream, by_release in found.items():
        suffix = "" if stream == "inserts" else f".{stream}"
        before, now = ([run.pace.cpu for run in by_release[name]] for name in ("before", "now"))
        ratios = [one / other for one, other in zip(now, before, strict=True)]
        figures.append(Figure.of_runs(f"releases.ingest{suffix}", "of before", ratios, goal=GOAL))
        figures.append(Figure.of_runs(f"releases.events_per_cpu_second{suffix}", "events/cpu s", now, before))
        before, now = ([run.redis * 1e6 for run in by_release[name]] for name in ("before", "now"))
        figures.append(Figure.cheaper(f"releases.redis_cpu_per_event{suffix}", "us", now, before))
    return figures


def _notes(size: Size, before: str) -> list[str]:
    return [
        (
            f"{size.events:,} inserts of about 250 bytes, {PARTITIONS} partitions, one worker with trainers=0 on one "
            f"core with Redis' server; now, and the release of {before} in turns, with the packages of now. "
            "Each process applies a small model first, so that all is loaded. The clock runs from the first tenth of "
            "the events until all ended slices are learned and published."
        ),
        (
            "deletions: 1% of deletions among them, of each kind. aliases: each insert bears one, which `before` "
            "ignores: so what an alias costs is in that figure, too."
        ),
    ]
