"""Brokers killed and workers restarted under a stream: `python -m tests.faults.rolling --minutes 5`.

Three brokers, of which the leader of one partition after the other is killed every ten seconds and started again; two
workers with names that they keep (UNLEARN_KAFKA__GROUP_INSTANCE_ID), which are restarted in turn; and a stream of
inserts and deletions. Nothing may be lost, and no partition may move.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self

import redis
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.harness.breakable_services import OwnRedis
from tests.harness.events import delete, insert, placed
from tests.harness.processes import Process, run
from tests.harness.settings import settings_of
from tests.harness.three_brokers import REPLICATED, ThreeBrokers, three_brokers
from tests.harness.waiting import until
from unlearn.admin.topics import create
from unlearn.errors import UnlearnError
from unlearn.events.event import Event
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log, Producer
from unlearn.settings import Settings
from unlearn.state.keys import Keys

__all__ = ["Outcome", "roll"]

KILL_EVERY, RESTART_EVERY, PACE = 10.0, 20.0, 40
SESSION = 60.0
"""Seconds: longer than a worker's restart, and than any time without a coordinator."""
SETTLED_WITHIN = 400.0


@dataclass
class Outcome:
    """What happened, and what was found in the end."""

    kills: int = 0
    restarts: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    missing: set[str] = field(default_factory=set)
    """Events that were acknowledged, and aren't in the log."""
    unanswered: set[str] = field(default_factory=set)
    """Deletions without a `hidden` receipt."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """Exit codes of both verifications."""
    rebalances: dict[int, str] = field(default_factory=dict)
    """Generations of the group that were given up after the workers had come together, with the reasons."""
    moved: list[str] = field(default_factory=list)
    """Partitions that another worker claimed than the one before."""

    def wrong(self) -> list[str]:
        """What should not be; empty if all is well."""
        found = [f"{len(self.missing)} acknowledged events are lost"] if self.missing else []
        found += [f"{len(self.unanswered)} deletions have no receipt"] if self.unanswered else []
        found += [f"{name} exits {code}" for name, code in self.verdicts.items() if code]
        found += [f"generation {number} was given up: {why}" for number, why in self.rebalances.items()]
        return found + self.moved

    def lines(self) -> Iterator[str]:
        yield f"{self.kills} leaders killed, {self.restarts} workers restarted"
        yield f"{self.sent['insert']} inserts and {self.sent['delete']} deletions sent, {self.resent} batches again"
        yield f"{len(self.rebalances)} rebalances, {len(self.moved)} partitions moved"
        yield f"{len(self.missing)} events lost, {len(self.unanswered)} deletions without a receipt"
        yield ", ".join(f"{name}: exit {code}" for name, code in self.verdicts.items())


class Stream:
    """Inserts, and a deletion after every fourth of them, at a steady pace; what isn't acknowledged is sent again."""

    def __init__(self, settings: Settings, log: Log, outcome: Outcome) -> None:
        self._settings, self._log, self._outcome = settings, log, outcome
        self._stop = threading.Event()
        self.acknowledged: set[str] = set()
        self.deletions: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="stream")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(self._log.producer()) as producer:
            for number in count():
                if self._stop.wait(0.5):
                    return
                self._send(producer, _events(number))

    def _send(self, producer: Producer, events: list[Event]) -> None:
        while True:
            try:
                topic = self._settings.events_topic
                answers = [producer.send(topic, *placed(event, self._settings.partitions)) for event in events]
                for answer in answers:
                    answer.result(60)
            except (UnlearnError, TimeoutError):
                self._outcome.resent += 1
                time.sleep(1)
            else:
                break
        for event in events:
            kind = str(event.type)
            self._outcome.sent[kind] += 1
            name = event.event_id  # type: ignore[union-attr]
            self.acknowledged.add(name)
            if kind == "delete":
                self.deletions.add(name)


def _events(number: int) -> list[Event]:
    size = PACE // 2
    names = [f"r{number}-{one}" for one in range(size)]
    found: list[Event] = [insert(name, f"s{name}", text=f"words of {name}") for name in names]
    # Of the batch before, so that slices and states of it are there.
    gone = [f"r{number - 1}-{one}" for one in range(0, size, 4)] if number else []
    return found + [delete(name, f"s{name}", event_id=f"d-{name}") for name in gone]


class Workers:
    """Two workers that keep their names when they are started again."""

    def __init__(self, settings: Settings, folder: Path, stack: ExitStack) -> None:
        self._settings, self._folder, self._stack = settings, folder, stack
        self._lives: list[list[Process]] = [[], []]
        for number in (0, 1):
            self._start(number)

    def restart(self, number: int) -> None:
        """In order, as a rolling restart does."""
        self._lives[number][-1].stop(120)
        self._start(number)

    def owners(self, client: redis.Redis) -> dict[int, int]:
        """Partition -> number of the worker that claimed it last."""
        pids = {life.pid: number for number, lives in enumerate(self._lives) for life in lives}
        found: dict[int, int] = {}
        for partition in range(self._settings.partitions):
            owner: Any = client.hget(Keys(self._settings.model, partition).meta, "owner")
            if owner is not None:
                found[partition] = pids[int(owner.decode().rpartition(":")[2])]
        return found

    def errors(self) -> str:
        return "\n".join(life.errors()[-3000:] for lives in self._lives for life in lives)

    def stop(self) -> None:
        for lives in self._lives:
            lives[-1].stop(120)

    def _start(self, number: int) -> None:
        named = {"UNLEARN_KAFKA__GROUP_INSTANCE_ID": f"{self._settings.model}-{number}"}
        process = Process(self._settings, self._folder, "work", **named)
        self._lives[number].append(self._stack.enter_context(process))


def roll(folder: Path, minutes: float, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """All of it, for so many minutes."""
    outcome = Outcome()
    with ExitStack() as stack:
        cluster = stack.enter_context(three_brokers(folder, REPLICATED))
        own = OwnRedis(folder)
        stack.callback(own.close)
        kafka = {"bootstrap_servers": cluster.servers, "session_timeout": SESSION, "request_timeout": 20}
        values: dict[str, Any] = {"kafka": kafka, "redis": {"url": own.url}, "services_dir": folder}
        settings = settings_of(
            model="rolling",
            partitions=4,
            trainers=0,
            seal_after=2,
            store={"url": (folder / "store").as_uri()},
            **values,
        )
        log = stack.enter_context(closing(KafkaLog(settings.kafka)))
        create(log, settings)
        workers = Workers(settings, folder / "workers", stack)
        owners = until(lambda: _shared(workers, own.client), 300, workers.errors) or {}
        joined = cluster.rebalances(settings.group_id)
        say(f"the workers have come together, by {len(joined)} rebalances")
        stream = Stream(settings, log, outcome)
        look = partial(_look, workers, own.client, owners, outcome)
        with stream:
            _break(cluster, settings, workers, outcome, minutes, look, say)
        cluster.await_answers()
        _settle(settings, stream, log, outcome)
        look()
        workers.stop()
        after = cluster.rebalances(settings.group_id)
        outcome.rebalances = {number: why for number, why in after.items() if number not in joined}
        for name in ("verify", "verify --from-log"):
            outcome.verdicts[name] = run(settings, *name.split(), seconds=600).returncode
    return outcome


def _shared(workers: Workers, client: redis.Redis) -> dict[int, int] | None:
    """The owners, once both workers have two partitions."""
    found = workers.owners(client)
    return found if sorted(found.values()) == [0, 0, 1, 1] else None


def _break(
    cluster: ThreeBrokers,
    settings: Settings,
    workers: Workers,
    outcome: Outcome,
    minutes: float,
    look: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    end, kill_at, restart_at = (time.monotonic() + seconds for seconds in (minutes * 60, KILL_EVERY, RESTART_EVERY))
    while (now := time.monotonic()) < end:
        if now >= kill_at:
            kill_at += KILL_EVERY
            leader = _leader(cluster, settings, outcome.kills % settings.partitions)
            if leader is not None:
                cluster.kill(leader)
                outcome.kills += 1
                say(f"killed broker {leader}")
                cluster.start(leader)
        if now >= restart_at:
            restart_at += RESTART_EVERY
            number = outcome.restarts % 2
            workers.restart(number)
            outcome.restarts += 1
            say(f"restarted worker {number}")
        look()
        time.sleep(0.2)


def _look(workers: Workers, client: redis.Redis, before: dict[int, int], outcome: Outcome) -> None:
    """Note each partition that another worker has claimed than the one before."""
    for partition, number in workers.owners(client).items():
        if before[partition] != number:
            outcome.moved.append(f"partition {partition} moved from worker {before[partition]} to {number}")
            before[partition] = number


def _leader(cluster: ThreeBrokers, settings: Settings, partition: int) -> int | None:
    """The partition's leader now; None while nobody tells of one."""
    with suppress(KafkaError, OSError):
        admin = KafkaAdminClient(bootstrap_servers=cluster.servers.split(","), bootstrap_timeout_ms=5000)
        try:
            (topic,) = admin.describe_topics([settings.events_topic])
            found = {one["partition_index"]: one["leader_id"] for one in topic["partitions"]}
            return found.get(partition) if found.get(partition, -1) > 0 else None
        finally:
            admin.close()
    return None


def _settle(settings: Settings, stream: Stream, log: KafkaLog, outcome: Outcome) -> None:
    """Wait for the receipts, and look for what was acknowledged."""
    deadline = time.monotonic() + SETTLED_WITHIN
    hidden: set[str] = set()
    while stream.deletions - hidden and time.monotonic() < deadline:
        time.sleep(1)
        with suppress(UnlearnError):
            hidden = {said["event_id"] for said in _all(log, settings.receipts_topic) if said["state"] == "hidden"}
    outcome.unanswered = stream.deletions - hidden
    there = {said.get("event_id", "") for said in _all(log, settings.events_topic)}
    outcome.missing = stream.acknowledged - there


def _all(log: KafkaLog, topic: str) -> Iterator[dict[str, Any]]:
    for partition, (first, end) in log.bounds(topic).items():
        for record in log.read(topic, partition, first, end):
            yield json.loads(record.value or b"{}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill leaders and restart workers under a stream.")
    parser.add_argument("--minutes", type=float, default=5.0)
    minutes = parser.parse_args().minutes
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        outcome = roll(
            Path(name), minutes, lambda words: print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)
        )
    for line in outcome.lines():
        print(line)
    for line in outcome.wrong():
        print(f"WRONG: {line}")
    return 1 if outcome.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
