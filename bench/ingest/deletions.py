"""Time to hidden and gaps between manifests, both by the broker's own clock.

A worker runs as it would be deployed, in a process of its own with one trainer. Here events are sent, and
afterwards the topics say when: a deletion's record, and the manifest that its `hidden` receipt names.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

from bench.processes.environment import PARTITIONS, Environment, encode
from unlearn.events.partitioner import home
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log, Producer
from unlearn.results.manifest import read_manifest
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.worker.lifecycle import make_worker, run
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["Load", "Phases", "gaps_of", "manifests", "measure"]

_PATIENCE = 120.0


class Load(NamedTuple):
    """How many records first, and what each phase sends; rates in events a second."""

    records: int
    deletions: int
    deletion_rate: float
    insert_rate: float
    kills: int
    kill_rate: float


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds to hidden of each deletion, idle and under inserts; seconds between manifests under kills."""

    idle: list[float]
    busy: list[float]
    gaps: list[float]
    unhidden: int


Message = Mapping[str, Any]


def measure(environment: Environment, settings: Settings, load: Load, tick: Callable[[str], None]) -> Phases:
    """All three phases with one worker. Raises TimeoutError where it ends or doesn't come along."""
    inserts = list(tweets(load.records, seed=2))
    with _worker(settings) as alive, closing(environment.log.producer()) as producer:
        tick(f"deletions, {settings.learner}: preload")
        environment.produce(settings, inserts)
        sender = _Sender(settings, producer)
        _caught_up(environment.log, settings, alive)
        targets = iter(_deletions(inserts))
        tick(f"deletions, {settings.learner}: idle")
        idle = sender.send(_take(targets, load.deletions), load.deletion_rate)
        _caught_up(environment.log, settings, alive)
        tick(f"deletions, {settings.learner}: beside inserts")
        more = tweets(round(load.deletions / load.deletion_rate * load.insert_rate) + 1, seed=3)
        busy = sender.send(_take(targets, load.deletions), load.deletion_rate, more, load.insert_rate)
        _caught_up(environment.log, settings, alive)
        tick(f"deletions, {settings.learner}: gaps between manifests")
        kills = sender.send(_take(targets, load.kills), load.kill_rate)
        _caught_up(environment.log, settings, alive)
        return _judged(environment.log, settings, idle, busy, kills)


class _Sender:
    """Sends at a rate, and remembers where each deletion went."""

    def __init__(self, settings: Settings, producer: Producer) -> None:
        self._topic, self._producer = settings.events_topic, producer

    def send(
        self, events: Sequence[Message], rate: float, beside: Iterable[Message] = (), beside_rate: float = 0.0
    ) -> list[tuple[int, int]]:
        """(partition, offset) of each of `events`; `beside` goes along at its own rate for as long."""
        began, others, sent = time.monotonic(), iter(beside), 0
        futures: list[tuple[int, Future[int]]] = []
        while len(futures) < len(events):
            passed = time.monotonic() - began
            futures += map(self._send, events[len(futures) : int(passed * rate) + 1])
            for event in _take(others, int(passed * beside_rate) - sent):
                self._send(event)
                sent += 1
            time.sleep(0.005)
        self._producer.flush(60.0)
        return [(partition, future.result()) for partition, future in futures]

    def _send(self, event: Message) -> tuple[int, Future[int]]:
        key, value = encode(event)
        partition = home(key, PARTITIONS)
        return partition, self._producer.send(self._topic, partition, key, value)


def gaps_of(times: Mapping[int, Sequence[float]], start: float, stop: float) -> list[float]:
    """Gaps between neighbours of each partition's times, as far as they lie in [start, stop]."""
    return [
        after - before
        for mine in times.values()
        for before, after in pairwise(sorted(t for t in mine if start <= t <= stop))
    ]


def _judged(
    log: Log,
    settings: Settings,
    idle: Sequence[tuple[int, int]],
    busy: Sequence[tuple[int, int]],
    kills: Sequence[tuple[int, int]],
) -> Phases:
    sent = _timestamps(log, settings, {*idle, *busy, *kills})
    shown = manifests(log, settings)
    hidden = _hidden(log, settings)
    took = {
        at: (shown[version][1] - sent[at]) / 1000 for at, version in hidden.items() if at in sent and version in shown
    }
    times: dict[int, list[float]] = {}
    for partition, timestamp in shown.values():
        times.setdefault(partition, []).append(timestamp / 1000)
    start, stop = (pick(sent[at] for at in kills) / 1000 for pick in (min, max))
    return Phases(
        [took[at] for at in idle if at in took],
        [took[at] for at in busy if at in took],
        gaps_of(times, start, stop),
        len(sent.keys() - took.keys()),
    )


def _timestamps(log: Log, settings: Settings, places: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for partition in range(PARTITIONS):
        offsets = [offset for number, offset in places if number == partition]
        if not offsets:
            continue
        for record in log.read(settings.events_topic, partition, min(offsets), max(offsets) + 1):
            if (partition, record.offset) in places:
                found[partition, record.offset] = record.timestamp
    return found


def manifests(log: Log, settings: Settings) -> dict[int, tuple[int, int]]:
    """Results offset -> (partition, timestamp in ms)."""
    found: dict[int, tuple[int, int]] = {}
    for record in log.read(settings.results_topic, 0, 0, log.bounds(settings.results_topic)[0][1]):
        manifest = read_manifest(record.value) if record.value else None
        if manifest is not None:
            found[record.offset] = manifest.partition, record.timestamp
    return found


def _hidden(log: Log, settings: Settings) -> dict[tuple[int, int], int]:
    """Place of each hidden deletion -> its version."""
    found: dict[tuple[int, int], int] = {}
    for record in log.read(settings.receipts_topic, 0, 0, log.bounds(settings.receipts_topic)[0][1]):
        receipt = json.loads(record.value or b"{}")
        if receipt.get("state") == "hidden":
            found[receipt["partition"], receipt["offset"]] = receipt["version"]
    return found


def _caught_up(log: Log, settings: Settings, alive: Callable[[], bool]) -> None:
    """Wait until every partition's newest manifest covers all that the topic holds, and its receipts are out."""
    deadline = time.monotonic() + _PATIENCE
    ends = {partition: end for partition, (_, end) in log.bounds(settings.events_topic).items()}
    results = Results(settings.model)
    with closing(log.tail(settings.results_topic)) as tail:
        while any(_applied(results, partition) < end for partition, end in ends.items()):
            if not alive() or time.monotonic() > deadline:
                raise TimeoutError(f"the worker ended, or did not come along in {_PATIENCE:g} s")
            results.merge(tail.poll(0.1))
    time.sleep(2 * settings.publish_every + 0.5)


def _applied(results: Results, partition: int) -> int:
    manifest = results.of(partition).manifest
    return -1 if manifest is None else manifest.applied


def _deletions(inserts: Sequence[Message]) -> Iterator[Message]:
    """Single deletions, each of another record, spread over the whole stream."""
    stride = 7919 if len(inserts) % 7919 else 1
    for i in range(len(inserts)):
        insert = inserts[i * stride % len(inserts)]
        names = {name: insert[name] for name in ("subject_id", "record_id") if name in insert}
        if len(names) == 2:
            yield {"type": "delete", "event_id": f"d{i}", **names, "requested_at": "2013-06-01T00:00:00Z"}


def _take(events: Iterator[Message], count: int) -> list[Message]:
    return [event for _, event in zip(range(count), events, strict=False)]


@contextmanager
def _worker(settings: Settings) -> Iterator[Callable[[], bool]]:
    context = multiprocessing.get_context("spawn")
    stopping = context.Event()
    process = context.Process(target=_work, args=(settings, stopping))
    process.start()
    try:
        yield process.is_alive
    finally:
        stopping.set()
        process.join(60.0)
        if process.is_alive():
            process.kill()
            process.join()


def _work(settings: Settings, stopping: Event) -> None:
    log = KafkaLog(settings.kafka)
    try:
        with make_worker(settings, log) as worker:
            run(worker, settings, stopping.is_set)
    finally:
        log.close()
