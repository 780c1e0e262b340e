"""`unlearn preview` says before what a deletion's receipt says afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.processes import Process, run
from tests.harness.waiting import until

pytestmark = pytest.mark.slow
ZERO, ONE = at(0), at(1)


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, kafka, lease=3)
    yield made
    made.close()


def previewed(harness: WorkerOnKafka, *arguments: str) -> dict[str, Any]:
    done = run(harness.settings, "preview", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_is_previewed_is_what_is_killed(harness: WorkerOnKafka) -> None:
    for one in ("r1", "r2", "r3"):
        harness.insert(one, ZERO)
    harness.insert("r1", ONE)
    harness.apply()
    deletions = {"pair": ("r2", ZERO), "everywhere": ("r1", None), "subject": (None, ZERO), "again": (None, ZERO)}
    foreseen = {}
    for name, (record, subject) in deletions.items():
        named = (("--record", record), ("--subject", subject))
        before = previewed(harness, *(word for option, given in named if given for word in (option, given)))
        foreseen[name] = before["records"]
        assert sum(shard["records"] for shard in before["shards"]) == before["records"]
        harness.delete(record=record, subject=subject, event_id=name)
        harness.apply()
    harness.rest()

    assert foreseen == harness.counts_told()
    assert foreseen == {"pair": 1, "everywhere": 2, "subject": 1, "again": 0}
    assert previewed(harness, "--record", "r3")["took"]["deletions"] == 4


def test_when_it_would_be_hidden_is_said_with_what_stands_before_it_and_not_without_a_worker(
    harness: WorkerOnKafka, tmp_path: Path
) -> None:
    harness.insert("r1", ZERO)
    harness.delete(record="nothing", event_id="d1")
    harness.rest()
    harness.worker.close()
    alone = until(lambda: foretold(harness, known=False), 60, "no worker is heard")
    with Process(harness.settings, tmp_path / "worker", "work"):
        worked = until(lambda: foretold(harness, known=True), 60, "the worker is heard")

    assert alone["unforeseen"].endswith(": no worker was heard lately")
    assert alone["took"]["deletions"] == worked["took"]["deletions"] == 1
    assert worked["expected_seconds"] >= worked["took"]["median"]
    assert worked["unforeseen"] is None


def foretold(harness: WorkerOnKafka, *, known: bool) -> dict[str, Any]:
    """What is said once it says when, or once it doesn't."""
    found = previewed(harness, "--subject", ZERO)
    return found if (found["expected_seconds"] is not None) == known else {}


def test_nothing_named_is_wrong_usage(harness: WorkerOnKafka) -> None:
    assert run(harness.settings, "preview").returncode == 2
