"""Time from a deletion to hidden while a backlog drains, by the broker's clock.

The deletions stand among the backlog's inserts. A worker can't know of one before it gets there, so the time runs from
its `accepted` receipt, which is sent once it is applied, to the manifest that its `hidden` receipt names. Those that
name a record alone are counted apart: each is copied to all partitions, and stands at the end of the backlog there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bench.figures import Figure, percentile
from bench.ingest.deletions import manifests
from bench.processes.environment import Environment
from bench.processes.event_streams import Event, inserts, with_deletions
from bench.processes.workers import opened_workers
from unlearn.log.protocol import Log
from unlearn.settings import Settings

__all__ = ["PHASES", "Backlog", "measured"]

GOAL = 1.0
PHASES = 2
"""How often `measured` says what it does."""


class Backlog(NamedTuple):
    """How many inserts, and the share of deletions beside them."""

    inserts: int
    share: float


def measured(environment: Environment, size: Backlog, learner: str, tick: Callable[[str], None]) -> list[Figure]:
    """One worker with one trainer. Raises TimeoutError."""
    settings = environment.model(f"backlog-{learner}", learner=learner)
    suffix = "" if learner == "naive-bayes" else f".{learner}"
    with opened_workers(settings, 1, environment.log) as workers:
        tick(f"a backlog of {size.inserts:,}, {learner}: the events")
        copied: set[str] = set()
        events = with_deletions(inserts(size.inserts, seed=8), size.share, seed=8)
        environment.produce(settings, _noting(events, copied))
        tick(f"a backlog of {size.inserts:,}, {learner}")
        cost = workers.settle(environment.client)
    found, missing = _hidden(environment.log, settings)
    environment.forget(settings)
    took = [seconds for event_id, seconds in found.items() if event_id not in copied]
    everywhere = [seconds for event_id, seconds in found.items() if event_id in copied]
    return [
        Figure(f"hidden.backlog.p99{suffix}", percentile(took, 0.99), "s", goal=GOAL, runs={"ours": took}),
        Figure(f"hidden.backlog.median{suffix}", percentile(took, 0.5), "s"),
        Figure(f"hidden.backlog.copied.p99{suffix}", percentile(everywhere, 0.99), "s", runs={"ours": everywhere}),
        Figure(f"hidden.backlog.copied.median{suffix}", percentile(everywhere, 0.5), "s"),
        Figure(f"hidden.backlog.missing{suffix}", missing, "deletions", goal=0.0),
        Figure(f"hidden.backlog.pace{suffix}", cost.events / cost.applied, "events/s"),
    ]


def _noting(events: Iterable[Event], copied: set[str]) -> Iterator[Event]:
    """The events; the ids of deletions that name a record alone are added to `copied` on the way."""
    for event in events:
        if event["type"] == "delete" and "subject_id" not in event:
            copied.add(event["event_id"])
        yield event


def _hidden(log: Log, settings: Settings) -> tuple[dict[str, float], int]:
    """Seconds from accepted to hidden of each deletion, by its event id; and how many were accepted and not hidden."""
    shown = manifests(log, settings)
    accepted: dict[str, int] = {}
    hidden: dict[str, int] = {}
    for record in log.read(settings.receipts_topic, 0, 0, log.bounds(settings.receipts_topic)[0][1]):
        receipt = json.loads(record.value or b"{}")
        if receipt["state"] == "accepted":
            accepted[receipt["event_id"]] = record.timestamp
        elif receipt["state"] == "hidden":
            hidden[receipt["event_id"]] = shown[receipt["version"]][1]
    both = accepted.keys() & hidden.keys()
    # A manifest that was on its way when the deletion was applied may already be without its rows.
    return {at: max(0, hidden[at] - accepted[at]) / 1000 for at in both}, len(accepted.keys() - both)
