"""The scenario of the main job: two worker processes, a scorer, a kill, a zombie; then what it has left behind."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np

from tests.harness import model_data
from tests.harness.model_data import dead_letters, receipts
from tests.harness.processes import Process, run
from tests.harness.settings import settings_of
from tests.harness.waiting import until
from tests.harness.worker_harness import make_worker
from tests.integration.stream import CHUNKS, Message, Stream, make_stream
from unlearn.admin.topics import create
from unlearn.environment.redis_client import connect
from unlearn.errors import NotEnough
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Record
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest, Receipt, manifest_key, read_manifest
from unlearn.results.results_topic import Results
from unlearn.scoring.scorer import Scorer
from unlearn.settings import Settings
from unlearn.simulate.replay import Replay, replay
from unlearn.verification.subject import Subject, subject_of

PARTITIONS, ACTUAL, SHARDS = 3, 4, 2
"""Of the model, of its topic, and in each partition."""
KILLED_AT, ZOMBIE_AT = 3, 6
TEXTS = ["free followers, click here", "see you at lunch tomorrow"]


class Stood(NamedTuple):
    """A manifest and its offset on the results topic."""

    offset: int
    manifest: Manifest


class Seen(NamedTuple):
    """One answer of the scorer."""

    version: int | None
    left_out: tuple[int, ...]
    sums: tuple[float, ...]


@dataclass
class Finished:
    """Everything the scenario has left behind, and what was seen on the way."""

    settings: Settings
    stream: Stream
    records: dict[int, list[Record]]
    manifests: list[Stood]
    receipts: list[Receipt]
    letters: set[tuple[int, int]]
    seen: list[Seen]
    scores: np.ndarray[Any, Any]
    counters: Counter[str]
    zombie: Counter[str]
    codes: dict[str, int]
    messages: dict[str, list[str]]

    @cached_property
    def subject(self) -> Subject:
        return subject_of(self.settings)

    @cached_property
    def replays(self) -> dict[int, Replay]:
        """What the reference makes of each partition of the model."""
        return {p: replay(self.subject.model, p, self.records[p]) for p in range(PARTITIONS)}

    @property
    def last(self) -> dict[int, Manifest]:
        return newest(self.manifests)


def newest(manifests: Sequence[Stood]) -> dict[int, Manifest]:
    """Each partition's newest manifest, by their order."""
    ordered = sorted((stood.manifest for stood in manifests), key=lambda manifest: manifest.order)
    return {manifest.partition: manifest for manifest in ordered}


def scenario_settings(kafka: str, redis_url: str, folder: Path, **changed: Any) -> Settings:
    """A new model on the test's services: short waits, more slices than 20 in every shard of the scenario."""
    values: dict[str, Any] = {
        "partitions": PARTITIONS,
        "shards_per_partition": SHARDS,
        "slice_span": 250,
        "features": 2**12,
        "seal_after": 3.0,
        "window": 0.2,
        "publish_every": 0.4,
        "heartbeat_every": 1.0,
        "lease": 10.0,
        "kafka": {"bootstrap_servers": kafka, "session_timeout": 6.0},
        "redis": {"url": redis_url},
        "store": {"url": (folder / "store").as_uri()},
        "services_dir": folder,
    }
    return settings_of(**values | changed)


@contextmanager
def watching(settings: Settings) -> Iterator[list[Seen]]:
    """A scorer that polls and answers all the time; what it answered."""
    seen: list[Seen] = []
    failed: list[BaseException] = []
    stop = Event()

    def look(scorer: Scorer) -> None:
        try:
            while not stop.wait(0.02):
                scorer.poll(0.1)
                with suppress(NotEnough):
                    answer = scorer.scores(TEXTS)
                    seen.append(Seen(answer.version, answer.left_out, tuple(answer.scores.sum(axis=1).tolist())))
        except BaseException as error:  # noqa: BLE001  told to the test's own thread
            failed.append(error)

    with Scorer.connect(settings) as scorer:
        thread = Thread(target=look, args=(scorer,))
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join(60)
    assert not failed, failed


class Driver:
    """Sends, and follows what becomes of it."""

    def __init__(self, settings: Settings, log: KafkaLog) -> None:
        self._settings = settings
        self.log = log
        self._producer = log.producer()
        self._tail = log.tail(settings.results_topic)
        self.results = Results(settings.model)

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._producer.send(self._settings.events_topic, message.partition, message.key, message.value)
        self._producer.flush(60)

    def ends(self) -> dict[int, int]:
        """Where the events topic ends now, in the model's partitions."""
        bounds = self.log.bounds(self._settings.events_topic)
        return {p: bounds[p][1] for p in range(self._settings.partitions)}

    def covered(self, ends: dict[int, int]) -> dict[int, int]:
        """Partition -> how far its newest manifest is, of those that cover the ends."""
        self.results.merge(self._tail.poll(0.05))
        found = {p: self.results.of(p).manifest for p in ends}
        return {p: m.applied for p, m in found.items() if m is not None and m.applied >= ends[p]}

    def wait_covered(self, ends: dict[int, int], seconds: float = 60.0) -> None:
        until(lambda: len(self.covered(ends)) == len(ends), seconds, f"manifests that cover {ends}")

    def close(self) -> None:
        self._producer.close()
        self._tail.close()


@dataclass
class _Play:
    """The scenario under way."""

    settings: Settings
    folder: Path
    stack: ExitStack
    log: KafkaLog
    stream: Stream
    codes: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    zombie: Counter[str] = field(default_factory=Counter)

    def start(self, name: str, *arguments: str) -> Process:
        made = Process(self.settings, self.folder / "logs", "work", *arguments)
        self.processes[name] = self.stack.enter_context(made)
        return made

    def run(self) -> list[Seen]:
        driver = Driver(self.settings, self.log)
        self.stack.callback(driver.close)
        workers = [self.start("killed"), self.start("other")]
        for worker in workers:
            until(partial(worker.said, "claimed at"), 60, "both workers own a partition")
        with watching(self.settings) as seen:
            before = driver.ends()
            for number, chunk in enumerate(self.stream.chunks):
                driver.send(chunk)
                if number == KILLED_AT:
                    # Amid its work: something of this chunk is published, and not all.
                    inside = {p: end + 1 for p, end in before.items()}
                    until(partial(driver.covered, inside), 60, "some of the chunk is published")
                    workers[0].signal(signal.SIGKILL)
                    self.codes["killed"] = workers[0].wait(10)
                    self.start("restarted")
                if number == ZOMBIE_AT:
                    self._raise_zombie(driver)
                if number not in (KILLED_AT, CHUNKS - 1):
                    driver.wait_covered(before)
                before = driver.ends()
            for name in ("other", "restarted"):
                self.codes[name] = self.processes[name].stop()
            self.codes["drain"] = self.start("drain", "--drain").wait(90)
            driver.wait_covered(driver.ends(), 1)
            version = driver.results.version
            until(lambda: seen and seen[-1].version == version, 60, "the scorer has the last version")
        self.codes["verify"] = run(self.settings, "verify").returncode
        self.codes["verify --from-log"] = run(self.settings, "verify", "--from-log").returncode
        return seen

    def _raise_zombie(self, driver: Driver) -> None:
        """A worker of another group claims everything, falls asleep, and wakes when others have claimed it back."""
        settings = self.settings.model_copy(
            update={"kafka": self.settings.kafka.model_copy(update={"group_id": f"{self.settings.model}-zombie"})}
        )
        client = connect(settings.redis.url.get_secret_value())
        zombie = make_worker(settings, self.log, client)
        try:
            until(lambda: [zombie.turn(), zombie.counters["claims"] >= ACTUAL][1], 60, "the zombie has claimed all")
            driver.wait_covered(driver.ends())
            until(lambda: [zombie.turn(), not zombie.owned or zombie.counters["fenced"]][1], 60, "it is fenced")
        finally:
            zombie.close()
            client.close()
        self.zombie = sum((owned.counters for owned in zombie.owned.values()), zombie.counters)


def play(settings: Settings, folder: Path) -> Finished:
    """Run the whole scenario. Raises AssertionError where it gets stuck; every process is ended."""
    stream = make_stream(7, PARTITIONS, ACTUAL)
    with ExitStack() as stack:
        log = KafkaLog(settings.kafka)
        stack.callback(log.close)
        create(log, settings.model_copy(update={"partitions": ACTUAL}))
        played = _Play(settings, folder, stack, log, stream)
        seen = played.run()
        return _gather(played, seen)


def _gather(played: _Play, seen: list[Seen]) -> Finished:
    settings, log = played.settings, played.log
    with Scorer.connect(settings) as scorer:
        scores = scorer.once(60.0).scores(TEXTS).scores
    return Finished(
        settings,
        played.stream,
        {p: everything(log, settings.events_topic, p) for p in range(ACTUAL)},
        list(stood(log, settings)),
        receipts(log, settings),
        {(letter["partition"], letter["offset"]) for letter in dead_letters(log, settings)},
        seen,
        scores,
        sum((process.counters() for process in played.processes.values()), Counter()),
        played.zombie,
        played.codes,
        {name: process.said("") for name, process in played.processes.items()},
    )


def everything(log: KafkaLog, topic: str, partition: int = 0) -> list[Record]:
    """All records of a partition."""
    start, end = log.bounds(topic)[partition]
    assert start == 0
    return list(log.read(topic, partition, 0, end))


def stood(log: KafkaLog, settings: Settings) -> Iterator[Stood]:
    """Every manifest that the results topic has ever held; nothing was compacted away yet."""
    keys = {manifest_key(settings.model, p) for p in range(settings.partitions)}
    records = everything(log, settings.results_topic)
    assert [record.offset for record in records] == list(range(len(records)))
    for record in records:
        if record.key in keys and record.value is not None:
            manifest = read_manifest(record.value)
            assert manifest is not None
            yield Stood(record.offset, manifest)


def views(settings: Settings, partitions: int) -> dict[int, Tables]:
    """What Redis holds of each of so many partitions."""
    client = connect(settings.redis.url.get_secret_value())
    try:
        return model_data.views(client, settings, partitions)
    finally:
        client.close()
