"""`unlearn forget` of many ids from a CSV, until the last is hidden, beside `unlearn send` of as many deletions.

Both are the commands themselves, as processes, on what a user hands them: files of CSV.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.figures import Figure, Report
from bench.machine import cores
from bench.peer_pythons import last_line
from bench.processes.commands import run_command
from bench.processes.environment import Environment, opened
from bench.processes.event_streams import inserts
from bench.processes.workers import Workers, opened_workers
from bench.progress import Ticker
from unlearn.settings import Settings

__all__ = ["phases", "run"]

_COLUMN, _ASKED = "customer", "2026-01-01T00:00:00Z"
_NOT_YET = 75


class Size(NamedTuple):
    """Ids of a list, how many lists each way, and workers."""

    ids: int
    lists: int
    workers: int


FULL, QUICK = Size(100_000, 3, 2), Size(300, 1, 1)


class _Found(NamedTuple):
    """Seconds of whole processes: of each list, until it was acknowledged (`unlearn send`), or hidden (`unlearn
    forget`); until all of one was listed as open, while no worker took a turn, and until that list was hidden.
    """

    sent: list[float]
    hidden: list[float]
    listed: float
    again: float


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 4 + 2 * (QUICK if quick else FULL).lists


def run(config: Path | None, quick: bool, tick: Ticker, events: int | None = None) -> Report:
    """Every figure of `forget`, with lists of `events` ids if that is given.

    Raises UnlearnError where services don't start, TimeoutError where work doesn't end, or a command fails.
    """
    size = QUICK if quick else FULL
    size = size._replace(ids=events or size.ids)
    with opened(config) as environment:
        settings = environment.model("forget")
        found = _measured(environment, settings, size, tick)
    return Report("forget", _notes(size), _figures(size, found))


def _measured(environment: Environment, settings: Settings, size: Size, tick: Ticker) -> _Found:
    people = (2 * size.lists + 1) * size.ids
    lists = (range(first, first + size.ids) for first in range(0, people, size.ids))
    sent, hidden = list[float](), list[float]()
    with opened_workers(settings, size.workers, environment.log, [cores(size.workers)]) as workers:
        tick(f"{people:,} people, a record each")
        environment.produce(settings, _records(people), lambda done: tick.part("sent", done, people))
        workers.settle(environment.client)
        for _ in range(size.lists):
            tick("unlearn send")
            sent.append(_beside(workers, environment, _send, settings, next(lists)))
            workers.settle(environment.client)
            tick("unlearn forget")
            hidden.append(_beside(workers, environment, _forget, settings, next(lists)))
            workers.settle(environment.client)
        tick("unlearn forget, while nobody works")
        left = environment.folder / "left.csv"
        listed = _list_open(environment, settings, next(lists), left)
        tick("unlearn forget of what was listed")
        again = _beside(workers, environment, _forget_listed, settings, left, size.ids)
        tick("the rest")
        workers.settle(environment.client)
    return _Found(sent, hidden, listed, again)


def _records(count: int) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(inserts(count, seed=13)):
        yield {**event, "subject_id": f"person-{number}"}


def _beside(
    workers: Workers, environment: Environment, command: Callable[..., float], settings: Settings, *given: Any
) -> float:
    """What the command takes while the workers work."""
    workers.go()
    try:
        return command(environment.folder, settings, *given)
    finally:
        workers.hold()


def _send(folder: Path, settings: Settings, people: range) -> float:
    names = ("type", "event_id", "subject_id", "requested_at")
    rows = (("delete", f"sent-{one}", f"person-{one}", _ASKED) for one in people)
    path = _written(folder / "deletions.csv", names, rows)
    return _ended(settings, folder, 0, f"sent {len(people)} events ({len(people)} delete)", "send", str(path))


def _forget(folder: Path, settings: Settings, people: range) -> float:
    path = _leavers(folder, people)
    return _ended(settings, folder, 0, _all_hidden(len(people)), "forget", "--subjects", str(path), "--column", _COLUMN)


def _list_open(environment: Environment, settings: Settings, people: range, left: Path) -> float:
    """With nobody to apply them, all are listed in the file."""
    path = _leavers(environment.folder, people)
    asked = "forget", "--subjects", str(path), "--column", _COLUMN, "--wait", "0", "--open", str(left)
    took = _ended(settings, environment.folder, _NOT_YET, f"of {len(people)} deletions: {len(people)} sent", *asked)
    with left.open(newline="", encoding="utf-8") as file:
        if [row["id"] for row in csv.DictReader(file)] != [f"person-{one}" for one in people]:
            raise TimeoutError("the file of what is open does not list all of them")
    return took


def _forget_listed(folder: Path, settings: Settings, left: Path, ids: int) -> float:
    return _ended(settings, folder, 0, _all_hidden(ids), "forget", "--subjects", str(left), "--column", "id")


def _all_hidden(ids: int) -> str:
    return f"of {ids} deletions: {ids} hidden"


def _leavers(folder: Path, people: range) -> Path:
    return _written(folder / "leavers.csv", (_COLUMN, "since"), ((f"person-{one}", "2020") for one in people))


def _written(path: Path, names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


def _ended(settings: Settings, folder: Path, code: int, says: str, *arguments: str) -> float:
    """Seconds of the command, which must end with this code and say this. Raises TimeoutError if it doesn't."""
    done = run_command(settings, folder, *arguments)
    if done.code != code or says not in done.stdout:
        told = last_line(done.stderr) or last_line(done.stdout)
        raise TimeoutError(f"unlearn {arguments[0]} ended with {done.code}: {told}")
    return done.seconds


def _figures(size: Size, found: _Found) -> list[Figure]:
    return [
        Figure.cheaper("forget.hidden", "s", found.hidden, found.sent),
        Figure.of_runs("forget.hidden_per_second", "ids/s", [size.ids / seconds for seconds in found.hidden]),
        Figure.of_runs("forget.sent_per_second", "ids/s", [size.ids / seconds for seconds in found.sent]),
        Figure("forget.listed", found.listed, "s"),
        Figure("forget.again", found.again, "s"),
    ]


def _notes(size: Size) -> list[str]:
    return [
        f"{size.lists} lists of {size.ids:,} subjects each way, in turns; each has one record. Whole processes.",
        "forget.hidden: `unlearn forget --subjects CSV --column`, which ends with the last `hidden` receipt.",
        "Beside it: `unlearn send` of a CSV of as many deletions, which ends with the last acknowledgement.",
        "forget.listed: with `--wait 0` while no worker takes a turn, all in the file of what is open.",
        "forget.again: that file as the list, until all are hidden.",
        f"{size.workers} workers, Kafka, Redis and the command share the cores.",
    ]
