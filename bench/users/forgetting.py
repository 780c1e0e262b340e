"""`unlearn forget` of many ids from a CSV, until the last is hidden, beside `unlearn send` of as many deletions."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from bench.figures import Figure, Report
from bench.machine import cores
from bench.processes.environment import Environment, opened
from bench.processes.event_streams import inserts
from bench.processes.workers import opened_workers
from bench.progress import Ticker
from unlearn.admin.forget import Requests
from unlearn.admin.input.id_lists import read_column
from unlearn.cli.following import follow
from unlearn.settings import Settings

__all__ = ["phases", "run"]

_COLUMN, _ASKED = "customer", "2026-01-01T00:00:00Z"


class Size(NamedTuple):
    """Ids of a list, how many lists each way, and workers."""

    ids: int
    lists: int
    workers: int


FULL, QUICK = Size(100_000, 3, 2), Size(300, 1, 1)


class _Way(NamedTuple):
    """Seconds that each list took: until it was acknowledged (`unlearn send`), or hidden (`unlearn forget`)."""

    sent: list[float]
    hidden: list[float]


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 2 + 2 * (QUICK if quick else FULL).lists


def run(config: Path | None, quick: bool, tick: Ticker) -> Report:
    """Every figure of `forget`. Raises UnlearnError where services don't start, TimeoutError where work doesn't end."""
    size = QUICK if quick else FULL
    with opened(config) as environment:
        settings = environment.model("forget")
        found = _measured(environment, settings, size, tick)
    return Report("forget", _notes(size), _figures(size, found))


def _measured(environment: Environment, settings: Settings, size: Size, tick: Ticker) -> _Way:
    people = 2 * size.lists * size.ids
    found = _Way([], [])
    with opened_workers(settings, size.workers, environment.log, [cores(size.workers)]) as workers:
        tick(f"{people:,} people, a record each")
        environment.produce(settings, _records(people), lambda done: tick.part("sent", done, people))
        workers.settle(environment.client)
        for number in range(size.lists):
            first = 2 * number * size.ids
            tick("unlearn send")
            workers.go()
            found.sent.append(_send(environment, settings, range(first, first + size.ids)))
            workers.hold()
            workers.settle(environment.client)
            tick("unlearn forget")
            workers.go()
            found.hidden.append(_forget(environment, settings, range(first + size.ids, first + 2 * size.ids)))
            workers.hold()
        tick("the rest")
        workers.settle(environment.client)
    return found


def _records(count: int) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(inserts(count, seed=13)):
        yield {**event, "subject_id": f"person-{number}"}


def _send(environment: Environment, settings: Settings, people: range) -> float:
    events = (
        {"type": "delete", "event_id": f"sent-{one}", "subject_id": f"person-{one}", "requested_at": _ASKED}
        for one in people
    )
    began = time.monotonic()
    environment.produce(settings, events)
    return time.monotonic() - began


def _forget(environment: Environment, settings: Settings, people: range) -> float:
    """As the command does it, with its list read from a file."""
    path = environment.folder / "leavers.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerows([(_COLUMN, "since"), *((f"person-{one}", "2020") for one in people)])
    began = time.monotonic()
    with path.open("rb") as source:
        requests = Requests("subject_id", read_column(source, _COLUMN), f"forget{people.start}", _ASKED)
    follow(environment.log, settings, requests, inf)
    if requests.counts["hidden"] != len(people):
        raise TimeoutError(f"{requests.counts} of {len(people)} deletions")
    return time.monotonic() - began


def _figures(size: Size, found: _Way) -> list[Figure]:
    return [
        Figure.cheaper("forget.hidden", "s", found.hidden, found.sent),
        Figure.of_runs("forget.hidden_per_second", "ids/s", [size.ids / seconds for seconds in found.hidden]),
        Figure.of_runs("forget.sent_per_second", "ids/s", [size.ids / seconds for seconds in found.sent]),
    ]


def _notes(size: Size) -> list[str]:
    return [
        f"{size.lists} lists of {size.ids:,} subjects each way, in turns; each subject has one record.",
        "forget.hidden: from the command's start until the last `hidden` receipt is read.",
        "Beside it: until as many deletions, sent as events, are acknowledged.",
        f"{size.workers} workers, Kafka, Redis and the command share the cores.",
    ]
