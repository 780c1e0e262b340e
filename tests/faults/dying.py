"""Models whose worker processes are killed at chosen calls: what became of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.faults.calls import Point, kind_of
from tests.harness.model_data import dead_letters, forget_keys, receipts
from tests.harness.processes import environment
from tests.harness.settings import settings_of
from tests.source_roots import PYTHONPATH
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn.simulate.script import unruly_script
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    codes: list[int]
    journals: list[Counter[str]]
    """Calls by name, of each process."""
    report: Any
    members: int
    said: frozenset[tuple[str, str]]
    """Receipts by state and event id, dead letters by digest."""
    errors: str

    @property
    def calls(self) -> Counter[str]:
        return self.journals[0]

    @property
    def kinds(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for name, times in self.calls.items():
            found[kind_of(name)] += times
        return found

    @property
    def end(self) -> tuple[object, ...]:
        """What must be the same however it came to it."""
        states = sorted((s.partition, s.shard, s.digest, s.rows) for s in self.report.shards)
        return self.report.verdict, states, self.members, self.said


class Place:
    """Services, a history that each model gets, and settings."""

    def __init__(self, kafka: str, redis_url: str, script: int, **changed: Any) -> None:
        self._kafka, self._redis_url = kafka, redis_url
        self._script, self._changed = script, changed

    def run(
        self,
        folder: Path,
        points: Mapping[str, Sequence[Point]],
        *,
        first: Sequence[str] = ("work", "--drain"),
        ended_after: float = 0,
        within: float = 280,
    ) -> dict[str, Ran]:
        """Each model by name, after a process was killed at each of its points and a last one came to its end.

        `first` is what all but the last are told; it is asked to end after so many seconds, or never.
        """
        folder.mkdir(exist_ok=True)
        made = {name: self._model(folder / str(i)) for i, name in enumerate(points)}
        log = KafkaLog(next(iter(made.values())).kafka)
        try:
            for settings in made.values():
                self._fill(log, settings)
            cases = {
                name: {
                    "environment": environment(settings),
                    "points": points[name],
                    "first": first,
                    "ended_after": ended_after,
                    "journal": str(folder / str(i) / "journal"),
                    "err": str(folder / str(i) / "err"),
                }
                for i, (name, settings) in enumerate(made.items())
            }
            codes = _processes(cases, within)
            return {name: _ran(log, made[name], folder / str(i), codes[name]) for i, name in enumerate(points)}
        finally:
            log.close()

    def _model(self, folder: Path) -> Settings:
        folder.mkdir()
        values: dict[str, Any] = {
            "partitions": 2,
            "shards_per_partition": 2,
            "slice_span": 6,
            "features": 64,
            "trainers": 0,
            "window": 0,
            "publish_every": 0,
            "seal_after": 60,
            "kafka": {"bootstrap_servers": self._kafka, "session_timeout": 6},
            "redis": {"url": self._redis_url},
            "store": {"url": (folder / "store").as_uri()},
        }
        return settings_of(**values | self._changed)

    def _fill(self, log: KafkaLog, settings: Settings) -> None:
        create(log, settings)
        producer = log.producer()
        sent = [
            producer.send(settings.events_topic, message.partition, message.key, message.value)
            for message in unruly_script(self._script).messages
        ]
        for answer in sent:
            answer.result(30)
        producer.close()


def _processes(cases: Mapping[str, Any], within: float) -> dict[str, list[int]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crashing"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found


def _ran(log: KafkaLog, settings: Settings, folder: Path, codes: list[int]) -> Ran:
    client: Any = redis.Redis.from_url(settings.redis.url.get_secret_value())
    try:
        members = sum(
            int(client.hlen(key)) for key in client.scan_iter(match=f"{{{settings.model}:*}}:m:*", count=1000)
        )
        forget_keys(client, settings)
    finally:
        client.close()
    errors = "\n".join(path.read_text()[-1500:] for path in sorted(folder.glob("err*")))
    journals = [Counter(path.read_text().splitlines()) for path in sorted(folder.glob("journal*"))]
    return Ran(codes, journals, verify_log(log, subject_of(settings)), members, _said(log, settings), errors)


def _said(log: KafkaLog, settings: Settings) -> frozenset[tuple[str, str]]:
    letters = {("dead letter", letter["digest"]) for letter in dead_letters(log, settings)}
    return frozenset(letters | {(receipt.state, receipt.event_id) for receipt in receipts(log, settings)})
