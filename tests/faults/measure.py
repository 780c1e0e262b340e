"""Floods at full size, and how long scripts of Redis take: `python -m tests.faults.measure [--scale 0.1] [NAME...]`."""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.rig import OwnRedis, Sick

Flood = Callable[[Sick, int], None]


def insert(record: str, subject: str | None = None) -> dict[str, Any]:
    owner = {} if subject is None else {"subject_id": subject}
    return {"type": "insert", "record_id": record, "label": "spam", "text": f"a b {record}", **owner}


def delete(number: int, **names: str) -> dict[str, Any]:
    return {"type": "delete", "event_id": f"d{number}", "requested_at": "t", **names}


def send(sick: Sick, events: Iterable[dict[str, Any]]) -> None:
    for event in events:
        sick.send(event, event.get("subject_id") or event["record_id"])


def all_at_once(sick: Sick, size: int) -> None:
    """As many records as deletions: of subjects, of pairs, of ids alone."""
    send(sick, (insert(f"r{i}", f"s{i}" if i % 2 else None) for i in range(size)))
    sick.seal()
    sick.rest(600)
    began = time.monotonic()
    send(sick, _deletions(size))
    sick.turn_until(sick._caught_up, 600)
    say("applied", began)
    sick.turn_until(lambda: not any(held.view.pending for held in sick.worker.owned.values()), 600)
    say("hidden", began)
    sick.rest(600)
    say("cleaned up", began)


def _deletions(size: int) -> Iterator[dict[str, Any]]:
    for i in range(size):
        if i % 2:
            yield delete(i, subject_id=f"s{i}")
        elif i % 4:
            yield delete(i, record_id=f"r{i}", subject_id=f"s{i}")
        else:
            yield delete(i, record_id=f"r{i}")


def one_subject(sick: Sick, size: int) -> None:
    """A subject with twice as many records."""
    send(sick, (insert(f"r{i}", "s" if i % 2 else f"s{i}") for i in range(size * 4)))
    sick.seal()
    sick.rest(600)
    began = time.monotonic()
    send(sick, [delete(0, subject_id="s")])
    sick.turn_until(lambda: not sick.worker.busy and sick._caught_up(), 600)
    say("cleaned up", began)


def seals(sick: Sick, size: int) -> None:
    """Ten seals for each deletion of the other floods, a row between every two hundred."""
    began = time.monotonic()
    for i in range(size * 10 // 200):
        send(sick, [insert(f"r{i}")])
        for _ in range(100):
            sick.seal()
    say("sent", began)
    sick.turn_until(sick._caught_up, 900)
    say("applied", began)
    sick.rest(900)
    say("filed", began)


def strangers(sick: Sick, size: int) -> None:
    """Deletions of ids and subjects that nobody knows."""
    sick.tweets(1000)
    sick.seal()
    sick.rest()
    jobs, began = sick.counts["jobs"], time.monotonic()
    strangers_of(sick, size // 10)
    sick.rest(600)
    say(f"hidden, with {sick.counts['jobs'] - jobs} jobs", began)


def strangers_of(sick: Sick, size: int) -> None:
    send(sick, (delete(i, **({"record_id": f"n{i}"} if i % 2 else {"subject_id": f"n{i}"})) for i in range(size)))


FLOODS: Mapping[str, Flood] = {
    "all_at_once": all_at_once,
    "one_subject": one_subject,
    "seals": seals,
    "strangers": strangers,
}


def say(what: str, began: float) -> None:
    print(f"    {time.monotonic() - began:8.1f} s  {what}", flush=True)


def scripts(own: OwnRedis) -> str:
    """How long scripts took Redis since the last look."""
    taken = [e["duration"] / 1000 for e in own.client.slowlog_get(1_000_000) if e["command"].startswith(b"EVALSHA")]
    own.client.slowlog_reset()
    p50, p99, most = np.percentile(taken, (50, 99, 100))
    return f"{len(taken):,} scripts: p50 {p50:.2f} ms, p99 {p99:.2f} ms, longest {most:.2f} ms"


class Turns:
    """How long the loop's passes take."""

    def __init__(self, sick: Sick) -> None:
        self.taken: list[float] = []
        turn = sick.worker.turn

        def timed(timeout: float | None = None) -> int:
            began = time.monotonic()
            try:
                return turn(timeout)
            finally:
                self.taken.append(time.monotonic() - began)

        sick.worker.turn = timed  # type: ignore[method-assign]

    def __str__(self) -> str:
        p50, p99, most = np.percentile(np.array(self.taken) * 1000, (50, 99, 100))
        return f"{len(self.taken):,} turns: p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {most:.1f} ms"


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", default=list(FLOODS))
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--learner", default="linear")
    asked = options.parse_args()
    size = round(100_000 * asked.scale)
    with tempfile.TemporaryDirectory() as folder:
        own = OwnRedis(Path(folder))
        own.client.config_set("slowlog-log-slower-than", 0)
        own.client.config_set("slowlog-max-len", 1_000_000)
        try:
            for name in asked.names:
                print(f"{name}, {size:,}", flush=True)
                values: dict[str, Any] = {"slice_span": 2000, "window": 0.5, "publish_wait": 0.3, "publish_every": 0.2}
                sick = Sick(own.url, Path(folder) / name, learner=asked.learner, features=2**14, **values)
                turns = Turns(sick)
                FLOODS[name](sick, size)
                print(f"    {turns}\n    {scripts(own)}\n    {sick.verdict()}", flush=True)
                sick.close()
        finally:
            own.close()


if __name__ == "__main__":
    main()
