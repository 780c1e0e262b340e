"""Hours of stream at a steady rate and a steady number of records: does anything grow?

The same records come again and again: each turn replaces one by its next revision, and some turns delete one, which
comes back by the revision after. So the number of records stays, and so does that of their ids: for those that were
deleted a tombstone stays by design, and new ids all the time would only show that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.figures import Figure, Report, Table
from bench.processes.environment import Environment, encode, opened
from bench.processes.event_streams import Event
from bench.processes.redis_memory import used
from bench.processes.resources import UNITS, Look, growth, look, quarters
from bench.processes.workers import Workers, opened_workers
from bench.progress import Ticker
from unlearn.admin.send import LogSink
from unlearn.settings import Settings

__all__ = ["phases", "revisions", "run"]

GOAL = 1.05
"""The last quarter may hold 5 % more than the second, the noise of collections and of batches."""
RATE, RECORDS, MINUTES = 40, 5000, 60.0
_QUICK_MINUTES, _QUICK_RECORDS = 0.2, 200
_DELETED = 9
"""Every ninth event is a deletion: it shares no factor with the records, so that these reach every one."""
_LOOK_EVERY = 5.0
_PATIENCE = 90.0
_SOON: dict[str, float] = {"erase_after": 60.0, "garbage_grace": 60.0, "tail_every": 30.0, "seal_after": 10.0}
"""What comes once in an hour or so would else not come often enough to be seen as steady."""


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 3


def run(
    config: Path | None, quick: bool, tick: Ticker, minutes: float | None = None, rate: int | None = None
) -> Report:
    """Every figure of `steady`. Raises UnlearnError where services don't start, TimeoutError where a worker ends."""
    seconds = 60 * (minutes or (_QUICK_MINUTES if quick else MINUTES))
    records, pace = _QUICK_RECORDS if quick else RECORDS, rate or RATE
    with opened(config) as environment:
        others = used(environment.client)
        settings = environment.model("steady", **_SOON)
        stream = map(encode, revisions(records))
        tick(f"{records:,} records and two workers")
        environment.send(settings, islice(stream, records))
        with opened_workers(settings, 2, environment.log) as workers:
            workers.settle(environment.client)
            tick(f"{pace} events a second")
            workers.go()
            held = _Held(workers, environment, settings, others)
            looks, sent = _watched(held, stream, (seconds, pace), tick)
            workers.hold()
            tick("the end")
            workers.settle(environment.client)
    return Report("steady", _notes(records, pace, seconds, sent, len(looks)), _figures(looks), [_table(looks)])


def revisions(records: int) -> Iterator[Event]:
    """Each record's first revision, and then without end replacements and deletions of one after the other."""
    newest = [0] * records
    yield from (_insert(number, 0) for number in range(records))
    turn = 0
    while True:
        number = turn * 7 % records
        turn += 1
        if turn % _DELETED:
            newest[number] += 1
            yield _insert(number, newest[number])
        else:
            yield _deletion(number, newest[number])


def _insert(record: int, revision: int) -> Event:
    words = " ".join(f"w{(record * 31 + revision * 17 + word) % 4999}" for word in range(12))
    labels = "ham", "spam"
    return {
        "type": "insert",
        "event_id": f"i{record}-{revision}",
        "record_id": f"r{record}",
        "subject_id": f"s{record % 997}",
        "revision": revision,
        "label": labels[(record + revision) % 2],
        "text": words,
    }


def _deletion(record: int, revision: int) -> Event:
    return {
        "type": "delete",
        "event_id": f"d{record}-{revision}",
        "record_id": f"r{record}",
        "subject_id": f"s{record % 997}",
        "revision": revision,
        "requested_at": "2026-01-01T00:00:00Z",
    }


class _Held(NamedTuple):
    """What is looked at. `others`: bytes that Redis held before, of other models."""

    workers: Workers
    environment: Environment
    settings: Settings
    others: int

    def look(self) -> Look:
        """Raises TimeoutError where a worker has ended."""
        pids = [process.pid or 0 for process in self.workers.processes]
        store = self.environment.folder / self.settings.store.url.rsplit("/", 1)[1]
        try:
            return look(pids, self.environment.client, store, self.others)
        except (psutil.Error, FileNotFoundError):
            if all(psutil.pid_exists(pid) for pid in pids):
                return self.look()  # a child or a file has gone between two looks
            raise TimeoutError("a worker ended") from None


def _watched(
    held: _Held, stream: Iterator[tuple[bytes, bytes]], asked: tuple[float, int], tick: Ticker
) -> tuple[list[Look], int]:
    """(what was held, at each look; how many events were sent)."""
    (seconds, pace), settings = asked, held.settings
    began, sent, looks = time.monotonic(), 0, list[Look]()
    with closing(held.environment.log.producer()) as producer:
        sink = LogSink(producer, settings.events_topic, settings.partitions, _PATIENCE)
        while (elapsed := time.monotonic() - began) < seconds:
            due = int(elapsed * pace) - sent
            sink.take(list(islice(stream, due)))
            sent += due
            if elapsed >= len(looks) * min(_LOOK_EVERY, seconds / 8):
                looks.append(held.look())
                tick.part("seconds", round(elapsed), round(seconds))
            time.sleep(0.25)
        sink.finish()
    return looks, sent


def _notes(records: int, pace: int, seconds: float, sent: int, looks: int) -> list[str]:
    return [
        f"two workers with a training process each, naive Bayes, 4 partitions, {records:,} records",
        f"{sent:,} events in {seconds / 60:g} minutes, {pace} a second: each record is replaced over and over",
        f"every {_DELETED}th event is a deletion of a record, which comes back by a later one",
        f"{looks} looks; growth: the mean of the last quarter of the time as a multiple of that of the second",
        "of Redis' memory what it held before is left out, and its log of slow commands, which is bounded",
        ", ".join(f"{name} {value:g} s" for name, value in _SOON.items()),
    ]


def _figures(looks: list[Look]) -> list[Figure]:
    found: dict[str, Any] = growth(looks)._asdict()
    return [Figure(f"steady.{name}", value, "times", goal=GOAL) for name, value in found.items()]


def _table(looks: list[Look]) -> Table:
    means = [one._asdict() for one in quarters(looks)]
    rows = [
        (f"{name}, {UNITS[name]}" if name in UNITS else name, *(mean[name] for mean in means)) for name in Look._fields
    ]
    return Table("means of each quarter", ("of the workers, Redis and the store", "1st", "2nd", "3rd", "4th"), rows)
