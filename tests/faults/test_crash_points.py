"""Killed before and after every external call, and started again: the end state is that of an undisturbed run.

All calls of a history in this process, where a crash is an exception that nothing catches; one before and one
after of each kind in real processes that SIGKILL ends, on real Kafka and Redis.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from processor.log.kafka import KafkaLog
from processor.settings import Settings
from processor.simulate.history import Shape
from processor.simulate.judging import Verdict
from processor.simulate.run import LEARNERS
from processor.simulate.script import busy_script, unruly_script
from processor.simulate.stillness import stillness
from processor.simulate.world import World
from processor.topics import create
from processor.verify_log import subject_of, verify_log
from tests.integration.processes import environment

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the tests, 32 bytes.."
SCRIPT = 31
KINDS = (
    "script claim",
    "script read",
    "script commit",
    "redis load",
    "log bounds",
    "log seek",
    "log poll",
    "log commit",
    "send events",
    "send results",
    "send receipts",
    "send dead-letters",
    "store put",
    "fsync",
    "rename",
)
CALM = 1 << 40


@pytest.mark.timeout(300)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_crash_at_any_call_changes_nothing(redis_url: str, learner: str, after: bool) -> None:
    _history(redis_url, learner, CALM, after)  # loads the scripts
    undisturbed, calls, crashes = _history(redis_url, learner, CALM, after)
    assert crashes == 0
    assert calls > 100

    # After one call is before the next: both learners together meet every instant.
    for n in range(LEARNERS.index(learner) + after, calls, 4):
        states, _, crashes = _history(redis_url, learner, n, after)
        assert crashes == 1, n
        assert states == undisturbed, n


def _history(redis_url: str, learner: str, n: int, after: bool) -> tuple[object, int, int]:
    """(published states, calls until the end, crashes) where the n-th call is the last."""
    whole = busy_script(11)
    with stillness():
        world = World(whole, Shape(6, 1, 2, "auto", 0.0, 0.0, 1, erase_after=0.0), learner, redis_url)
        try:
            world.fuse(n, after, 0)
            for _ in range(6):
                world.feed(8)
                world.turn(0, 50)
                world.wait(0.6)
            left = world.place.fuse.calls
            world.drain()
            verdict = Verdict(world)
            verdict.check()
            return verdict.states(), n - left, world.counts["crashes"]
        finally:
            world.close()


# -- real processes


@dataclass(frozen=True)
class Ran:
    codes: list[int]
    calls: Counter[str]
    report: Any
    members: int
    errors: str


@pytest.fixture(scope="module")
def undisturbed(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return _run(kafka, redis_url, tmp_path_factory.mktemp("undisturbed"), {"undisturbed": None})["undisturbed"]


@pytest.fixture(scope="module")
def killed(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory, undisturbed: Ran) -> dict[str, Ran]:
    """Each kind's middle call, once before and once after it."""
    points = {
        f"{kind} {'after' if after else 'before'}": (kind, (undisturbed.calls[kind] + 1 + after) // 2, after)
        for kind in KINDS
        for after in (False, True)
    }
    return _run(kafka, redis_url, tmp_path_factory.mktemp("killed"), points)


def test_every_kind_of_call_is_made(undisturbed: Ran) -> None:
    assert undisturbed.codes == [0], undisturbed.errors
    assert undisturbed.report.verdict == "equal"
    assert set(KINDS) <= set(undisturbed.calls)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_at_a_call_loses_and_repeats_nothing(
    killed: dict[str, Ran], undisturbed: Ran, kind: str, after: bool
) -> None:
    ran = killed[f"{kind} {'after' if after else 'before'}"]

    assert ran.codes == [-9, 0], ran.errors
    assert ran.report.verdict == "equal"
    assert _digests(ran) == _digests(undisturbed)
    assert ran.members == undisturbed.members


def _digests(ran: Ran) -> list[tuple[int, int, str | None, int | None]]:
    return sorted((s.partition, s.shard, s.digest, s.rows) for s in ran.report.shards)


def _run(kafka: str, redis_url: str, folder: Path, points: dict[str, Any]) -> dict[str, Ran]:
    made = {name: _model(kafka, redis_url, folder / str(i)) for i, name in enumerate(points)}
    log = KafkaLog(next(iter(made.values())).kafka)
    try:
        for settings in made.values():
            _fill(log, settings)
        cases = {name: _case(made[name], folder / str(i), points[name]) for i, name in enumerate(points)}
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.crashing"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input=json.dumps(cases),
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        codes = json.loads(done.stdout)
        return {name: _ran(log, made[name], cases[name], codes[name]) for name in points}
    finally:
        log.close()


def _model(kafka: str, redis_url: str, folder: Path) -> Settings:
    folder.mkdir()
    values: dict[str, Any] = {
        "model": f"t{uuid.uuid4().hex[:12]}",
        "secret": SECRET,
        "partitions": 2,
        "shards_per_partition": 2,
        "slice_span": 6,
        "features": 64,
        "trainers": 0,
        "window": 0,
        "publish_every": 0,
        "seal_after": 60,
        "kafka": {"bootstrap_servers": kafka, "session_timeout": 6},
        "redis": {"url": redis_url},
        "store": {"url": (folder / "store").as_uri()},
    }
    return Settings(**values)


def _fill(log: KafkaLog, settings: Settings) -> None:
    create(log, settings)
    producer = log.producer()
    sent = [
        producer.send(settings.events_topic, message.partition, message.key, message.value)
        for message in unruly_script(SCRIPT).messages
    ]
    for answer in sent:
        answer.result(30)
    producer.close()


def _case(settings: Settings, folder: Path, point: Any) -> dict[str, Any]:
    return {
        "environment": environment(settings),
        "point": point,
        "journal": str(folder / "journal"),
        "err": str(folder / "err"),
    }


def _ran(log: KafkaLog, settings: Settings, case: dict[str, Any], codes: list[int]) -> Ran:
    client: Any = redis.Redis.from_url(settings.redis.url.get_secret_value())
    try:
        keys = list(_keys(client, settings.model, "r:*"))
        members = sum(int(client.hlen(key)) for key in keys)
        client.delete(*_keys(client, settings.model, "*"))
    finally:
        client.close()
    errors = "\n".join(path.read_text()[-1500:] for path in sorted(Path(case["err"]).parent.glob("err*")))
    calls = Counter(Path(case["journal"]).read_text().splitlines())
    return Ran(codes, calls, verify_log(log, subject_of(settings)), members, errors)


def _keys(client: Any, model: str, pattern: str) -> Iterator[bytes]:
    return iter(client.scan_iter(match=f"{{{model}:*}}:{pattern}", count=1000))
