"""`unlearn serve` under eight clients at once, while versions change five times a second and records are deleted."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure, Report, percentile
from bench.processes.environment import Environment, encode, opened
from bench.processes.event_streams import inserts, with_deletions
from bench.processes.workers import opened_workers
from unlearn.services.address import free_port
from unlearn.settings import Settings

__all__ = ["phases", "run"]

_CLIENTS = 8
_PATIENCE = 120.0
_UNKNOWN = ("UNLEARN_SECRET", "UNLEARN_CONFIG")


class Size(NamedTuple):
    """Records before the clock runs; events a second beside it, of which 1% are deletions; seconds of each phase."""

    records: int
    rate: int
    seconds: float


FULL, QUICK = Size(50_000, 500, 20.0), Size(500, 50, 1.0)
TEXTS = (1, 100)


class Answer(NamedTuple):
    """One answer: seconds that it took, its version, and by how much it came before its lease ended."""

    took: float
    version: str
    left: float


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 1 + len(TEXTS)


def run(config: Path | None, quick: bool, tick: Callable[[str], None]) -> Report:
    """Raises UnlearnError where services don't start, TimeoutError where work doesn't end."""
    size = QUICK if quick else FULL
    report = Report("serve", notes=_notes(size))
    with opened(config) as environment:
        settings = environment.model("serve", partitions=4, trainers=1, publish_every=0.2, seal_after=1.0)
        tick(f"{size.records:,} records")
        with opened_workers(settings, 1, environment.log) as workers:
            environment.produce(settings, inserts(size.records, seed=1))
            workers.settle(environment.client)
            workers.go()
            with _serving(settings) as port, _changing(environment, settings, size.rate):
                for texts in TEXTS:
                    tick(f"{_CLIENTS} clients, {texts} texts a request")
                    report.figures += _figures(texts, _asked(port, texts, size.seconds), size.seconds)
            workers.hold()
    return report


@contextmanager
def _serving(settings: Settings) -> Iterator[int]:
    """A server in a process of its own that knows names and places alone; its port."""
    port = free_port()
    given = {
        "UNLEARN_MODEL": settings.model,
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "UNLEARN_STORE__URL": settings.store.url,
    }
    variables = {name: value for name, value in os.environ.items() if name not in _UNKNOWN}
    command = [sys.executable, "-m", "unlearn.cli.main", "serve", "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, env={**variables, **given}, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + _PATIENCE
            while not _is_ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError("the server ended, or was not ready in time")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def _is_ready(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False


@contextmanager
def _changing(environment: Environment, settings: Settings, rate: int) -> Iterator[None]:
    """Inserts and deletions at a rate, so that each partition publishes as often as it may."""
    stop = threading.Event()

    def send() -> None:
        events, began = with_deletions(_endless(), 0.01, 5), time.monotonic()
        sent = 0
        while not stop.wait(0.05):
            due = int((time.monotonic() - began) * rate) - sent
            sent += environment.send(settings, map(encode, islice(events, due)))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _endless() -> Iterator[dict[str, object]]:
    for number in count(100):
        yield from inserts(20_000, seed=number)  # type: ignore[misc]


def _asked(port: int, texts: int, seconds: float) -> list[Answer]:
    """What the clients were answered, each of which asks again as soon as it is."""
    body = json.dumps({"texts": [f"win prize number {number} at noon" for number in range(texts)]}).encode()
    found: list[Answer] = []
    given = (port, body, time.monotonic() + seconds, found)
    threads = [threading.Thread(target=_ask, args=given) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _ask(port: int, body: bytes, until: float, found: list[Answer]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    while time.monotonic() < until:
        began, asked = time.perf_counter(), time.time()
        connection.request("POST", "/scores", body)
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        if answer.status == 200:
            ends = datetime.fromisoformat(answer.headers["unlearn-lease-ends"]).timestamp()
            found.append(Answer(took, answer.headers["unlearn-version"], ends - asked))
        else:
            found.append(Answer(took, "", 0.0))


def _figures(texts: int, answers: list[Answer], seconds: float) -> list[Figure]:
    good = [one for one in answers if one.version]
    took = [one.took * 1000 for one in good]
    name = f"serve.{texts}_text{'s' if texts > 1 else ''}"
    return [
        Figure(f"{name}.p50", percentile(took, 0.5), "ms"),
        Figure(f"{name}.p99", percentile(took, 0.99), "ms"),
        Figure(f"{name}.requests", len(good) / seconds, "requests/s"),
        Figure(f"{name}.versions", len({one.version for one in good}) / seconds, "versions/s"),
        Figure(f"{name}.refused", len(answers) - len(good), "answers"),
        Figure(f"{name}.beyond_their_lease", sum(one.left < 0 for one in good), "answers", goal=0.0),
    ]


def _notes(size: Size) -> list[str]:
    return [
        (
            f"One `unlearn serve` with naive Bayes of {size.records:,} records in 4 partitions, {_CLIENTS} clients on "
            "threads of one process that ask anew as soon as they are answered, a worker with a trainer that applies "
            f"{size.rate} events a second, 1% of them deletions, and local Kafka and Redis: all on the same cores."
        ),
        "beyond_their_lease: answers that were asked for after the lease had ended that they tell of.",
    ]
