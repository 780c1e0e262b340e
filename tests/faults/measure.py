"""Floods at full size, and how long scripts take Redis: `python -m tests.faults.measure [--scale 0.1] [NAME...]`.

At scale 1 there are 100,000 deletions, and a million of `unreadable`: possible ones that stay open.

Times of scripts are Redis' own (SLOWLOG), without the way there. Fails if their p99 is above what is promised.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.calls import SCRIPTS
from tests.faults.open_flood import say, unreadable
from tests.harness.breakable_services import OwnRedis
from tests.harness.events import delete, insert
from tests.harness.worker_harness import WorkerHarness
from unlearn.events.event import Delete, Insert

PROMISED = 50.0
"""Milliseconds that scripts take Redis at most, at p99."""
_MOST = 1_000_000

Flood = Callable[[WorkerHarness, int], None]


def row(record: str, subject: str | None = None) -> Insert:
    return insert(record, subject, text=f"a b {record}")


def send(harness: WorkerHarness, events: Iterable[Insert | Delete]) -> None:
    for event in events:
        harness.say(event)


def all_at_once(harness: WorkerHarness, size: int) -> None:
    """As many records as deletions: of subjects, of pairs, of ids alone."""
    send(harness, (row(f"r{i}", f"s{i}" if i % 2 else None) for i in range(size)))
    harness.seal()
    harness.rest(600)
    began = time.monotonic()
    send(harness, _deletions(size))
    harness.turn_until(harness.caught_up, 600)
    say("applied", began)
    harness.turn_until(lambda: not any(held.view.pending for held in harness.worker.owned.values()), 600)
    say("hidden", began)
    harness.rest(600)
    say("cleaned up", began)


def _deletions(size: int) -> Iterator[Delete]:
    for i in range(size):
        record = None if i % 2 else f"r{i}"
        yield delete(record, f"s{i}" if i % 2 or i % 4 else None, event_id=f"d{i}")


def one_subject(harness: WorkerHarness, size: int) -> None:
    """A subject with twice as many records."""
    send(harness, (row(f"r{i}", "s" if i % 2 else f"s{i}") for i in range(size * 4)))
    harness.seal()
    harness.rest(600)
    began = time.monotonic()
    send(harness, [delete(subject="s", event_id="d0")])
    harness.turn_until(lambda: not harness.worker.busy and harness.caught_up(), 600)
    say("cleaned up", began)


def seals(harness: WorkerHarness, size: int) -> None:
    """Ten seals for each deletion of the other floods, a row between every two hundred."""
    began = time.monotonic()
    for i in range(size * 10 // 200):
        send(harness, [row(f"r{i}")])
        for _ in range(100):
            harness.seal()
    say("sent", began)
    harness.turn_until(harness.caught_up, 900)
    say("applied", began)
    harness.rest(900)
    say("filed", began)


def strangers(harness: WorkerHarness, size: int) -> None:
    """Deletions of ids and subjects that nobody knows."""
    harness.tweets(1000)
    harness.seal()
    harness.rest()
    jobs, began = harness.counts["jobs"], time.monotonic()
    strangers_of(harness, size // 10)
    harness.rest(600)
    say(f"hidden, with {harness.counts['jobs'] - jobs} jobs", began)


def strangers_of(harness: WorkerHarness, size: int) -> None:
    send(harness, (delete(*((f"n{i}", None) if i % 2 else (None, f"n{i}")), event_id=f"d{i}") for i in range(size)))


FLOODS: Mapping[str, Flood] = {
    "all_at_once": all_at_once,
    "one_subject": one_subject,
    "seals": seals,
    "strangers": strangers,
    "unreadable": unreadable,
}


def scripts(own: OwnRedis) -> list[tuple[str, list[float]]]:
    """(script, how many ms each of its runs took Redis) since the last look."""
    taken: dict[str, list[float]] = {name: [] for name in SCRIPTS.values()}
    for entry in own.client.slowlog_get(_MOST):
        words = entry["command"].split(b" ")
        if words[0] == b"EVALSHA":
            taken[SCRIPTS[words[1].decode()]].append(entry["duration"] / 1000)
    own.client.slowlog_reset()
    return [*taken.items(), ("all", list(chain.from_iterable(taken.values())))]


def quantiles(times: list[float]) -> str:
    p50, p99, most = np.percentile(times, (50, 99, 100))
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {most:.2f} ms"


class Turns:
    """How long the loop's passes take."""

    def __init__(self, harness: WorkerHarness) -> None:
        self.taken: list[float] = []
        turn = harness.worker.turn

        def timed(timeout: float | None = None) -> int:
            began = time.monotonic()
            try:
                return turn(timeout)
            finally:
                self.taken.append(time.monotonic() - began)

        harness.worker.turn = timed  # type: ignore[method-assign]

    def __str__(self) -> str:
        return f"{len(self.taken):,} turns: {quantiles([1000 * seconds for seconds in self.taken])}"


def flood(own: OwnRedis, folder: Path, name: str, size: int, learner: str) -> float:
    """The p99 of its scripts, in ms."""
    print(f"{name}, {size:,}, {learner}", flush=True)
    values: dict[str, Any] = {"slice_span": 2000, "window": 0.5, "publish_wait": 0.3, "publish_every": 0.2}
    harness = WorkerHarness(own.url, folder, learner=learner, features=2**14, **values)
    turns = Turns(harness)
    FLOODS[name](harness, size)
    print(f"    {turns}", flush=True)
    found = scripts(own)
    for script, times in found:
        if times:
            print(f"    {len(times):,} times {script}: {quantiles(times)}", flush=True)
    print(f"    {harness.verdict()}", flush=True)
    harness.close()
    return float(np.percentile(found[-1][1], 99))


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", default=list(FLOODS))
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--learner", default="linear")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = OwnRedis(Path(folder))
        own.client.config_set("slowlog-log-slower-than", 0)
        own.client.config_set("slowlog-max-len", _MOST)
        try:
            size = round(100_000 * asked.scale)
            slowest = max(flood(own, Path(folder) / name, name, size, asked.learner) for name in asked.names)
        finally:
            own.close()
    if slowest >= PROMISED:
        sys.exit(f"a p99 of {slowest:.1f} ms is above the promised {PROMISED:g} ms")


if __name__ == "__main__":
    main()
