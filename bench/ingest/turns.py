"""Both ways of ingest, a bare poll and the peers over one topic, in turns, each on one core that Redis has to share."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.figures import Figure, Table
from bench.ingest.stream_peers import PEERS, consumed
from bench.ingest.throughput import Measured, Pace, bare_poll, whole_path
from bench.machine import cores, on_one_core
from bench.processes.environment import Environment
from bench.processes.event_streams import inserts
from bench.processes.pinned_redis import on_core
from bench.processes.redis_memory import redis_cpu
from unlearn.settings import Settings

__all__ = ["LINEAR", "Turns", "figures", "phases", "steps", "taken"]

BARE_GOAL, PLAIN_GOAL, EVENTS_GOAL, QUIX_GOAL = 0.6, 4.0, 60_000.0, 1.0
LINEAR = "linear"
_WAYS: Mapping[str, Mapping[str, object]] = {
    "fast": {"ingest": "fast"},
    "plain": {"ingest": "plain"},
    LINEAR: {"ingest": "fast", "learner": LINEAR},
}


class Side(NamedTuple):
    """One run of the whole path, with what it cost Redis."""

    measured: Measured
    redis_cpu: float


@dataclass(slots=True)
class Turns:
    """What each run measured, by side, in order. `missing`: why a peer could not be had."""

    ours: dict[str, list[Side]] = field(default_factory=lambda: {way: [] for way in _WAYS})
    bare: list[Pace] = field(default_factory=list)
    peers: dict[str, list[Pace]] = field(default_factory=lambda: {name: [] for name in PEERS})
    watched: Side | None = None
    pinned: bool = False
    missing: dict[str, str] = field(default_factory=dict)

    def cpu(self, way: str) -> list[float]:
        """Events per CPU second of the worker, run by run."""
        return [side.measured.pace.cpu for side in self.ours[way]]

    def wall(self, way: str) -> list[float]:
        """Events a second, run by run."""
        return [side.measured.pace.wall for side in self.ours[way]]


def phases(runs: int) -> int:
    """How often `taken` says what it does."""
    return 1 + runs * (len(_WAYS) + 1 + len(PEERS)) + 1


def taken(environment: Environment, events: int, runs: int, tick: Callable[[str], None]) -> Turns:
    """All sides in turns, `runs` times over."""
    topic = environment.model("events")
    tick(f"producing {events:,} events")
    environment.produce(topic, inserts(events, seed=1))
    turns = Turns()
    core = next(iter(cores(1)), None)
    with on_core(environment.client, core) as turns.pinned:
        for number in range(runs):
            _turn(environment, topic, (events, number, core), turns, tick)
        tick("steps watched")
        turns.watched = _whole(environment, _sharing(environment, topic, "watched", _WAYS["fast"]), events, True)
    return turns


def _turn(
    environment: Environment,
    topic: Settings,
    run: tuple[int, int, int | None],
    turns: Turns,
    tick: Callable[[str], None],
) -> None:
    events, number, core = run
    tick(f"bare poll, run {number + 1}")
    turns.bare.append(on_one_core(bare_poll, topic, events).pace)
    for way, changed in _WAYS.items():
        tick(f"{way}, run {number + 1}")
        settings = _sharing(environment, topic, f"{way}-{number}", changed)
        turns.ours[way].append(_whole(environment, settings, events))
    for name, peer in PEERS.items():
        tick(f"{name}, run {number + 1}")
        found = name in turns.missing or consumed(peer, topic, events, core)
        if isinstance(found, Pace):
            turns.peers[name].append(found)
        elif isinstance(found, str):
            turns.missing[name] = found


def _sharing(environment: Environment, topic: Settings, name: str, changed: Mapping[str, object]) -> Settings:
    return environment.model(name, **{"trainers": 0, "topics": {"events": topic.events_topic}, **changed})


def _whole(environment: Environment, settings: Settings, events: int, watched: bool = False) -> Side:
    before = redis_cpu(environment.client)
    measured = on_one_core(whole_path, settings, events, watched)
    side = Side(measured, redis_cpu(environment.client) - before)
    environment.forget(settings)
    return side


def figures(turns: Turns, events: int) -> list[Figure]:
    """Paces, and the ratios of the runs."""
    fast, bare, quix = turns.wall("fast"), [pace.cpu for pace in turns.bare], _walls(turns, "quix")
    cpu = [side.redis_cpu / events * 1e6 for side in turns.ours["fast"]]
    return [
        Figure.of_runs("ingest.vs_bare_poll", "of bare poll", _ratios(turns.cpu("fast"), bare), goal=BARE_GOAL),
        Figure.of_runs("ingest.vs_plain", "times", _ratios(turns.cpu("fast"), turns.cpu("plain")), goal=PLAIN_GOAL),
        Figure.of_runs(
            "ingest.events_per_second", "events/s", fast, quix, EVENTS_GOAL if turns.pinned or not cores(1) else None
        ),
        *_against(turns, "quix", QUIX_GOAL),
        *_against(turns, "bytewax", None),
        *(
            Figure.of_runs(f"ingest.events_per_cpu_second{suffix}", "events/cpu s", turns.cpu(way), bare)
            for way, suffix in (("fast", ""), ("plain", ".plain"), (LINEAR, f".{LINEAR}"))
        ),
        Figure.of_runs("ingest.bare_poll", "events/cpu s", bare, [pace.cpu for pace in turns.peers["confluent"]]),
        Figure("ingest.redis_cpu_per_event", statistics.median(cpu), "us", runs={"ours": cpu}),
    ]


def _against(turns: Turns, peer: str, goal: float | None) -> list[Figure]:
    theirs = _walls(turns, peer)
    if not theirs:
        return []
    return [Figure.of_runs(f"ingest.vs_{peer}", f"of {peer}", _ratios(turns.wall("fast"), theirs), goal=goal)]


def _walls(turns: Turns, peer: str) -> list[float]:
    return [pace.wall for pace in turns.peers[peer]]


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def steps(turns: Turns, events: int) -> Table:
    """Microseconds an event. Wall time includes what others on the core took; CPU time is the thread's own."""
    assert turns.watched is not None
    watched = turns.watched.measured
    total = sum(step.wall for name, step in watched.steps.items() if "file thread" not in name)
    rows: list[tuple[str | float, ...]] = [
        (name, _us(step.wall, watched.events), _us(step.cpu, watched.events), round(100 * step.wall / total, 1))
        for name, step in sorted(watched.steps.items())
    ]
    known = sum(step.cpu for step in watched.steps.values()) / watched.events
    others = max(0.0, 1.0 / watched.pace.cpu - known)
    rows.append(("other threads of the process", "", round(others * 1e6, 2), ""))
    rows.append(("Redis' own CPU, beside", "", _us(turns.watched.redis_cpu, events), ""))
    return Table("steps of the fast way, us an event", ("step", "wall", "cpu", "% of wall"), rows)


def _us(seconds: float, events: int) -> float:
    return round(seconds / events * 1e6, 2)
