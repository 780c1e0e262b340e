"""`unlearn preview` says before what a deletion's receipt says afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.processes import run

pytestmark = pytest.mark.slow
ZERO, ONE = at(0), at(1)


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, kafka)
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


def test_nothing_named_is_wrong_usage(harness: WorkerOnKafka) -> None:
    assert run(harness.settings, "preview").returncode == 2
