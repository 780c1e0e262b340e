"""An owner's word that its manifest stands is given again and again, but not while it stands for too long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.events import delete
from tests.harness.memory_harness import MemoryHarness, insert
from tests.harness.model_data import records
from unlearn.results.manifest import heartbeat_key

SILENT = 1000.0
"""Seconds in which no second manifest comes: what is deleted meanwhile stays in the first."""


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """It has published, and a deletion has an hour."""
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", publish_every=SILENT, forget_within=3600.0)
    made.send(insert(0, "s"), insert(1, "t"))
    made.turn(3)
    assert len(made.manifests()) == 1
    yield made
    made.close()


def heartbeats(harness: MemoryHarness) -> int:
    key = heartbeat_key(harness.settings.model, 0)
    return sum(record.key == key for record in records(harness.log, harness.settings.results_topic))


def hidden(harness: MemoryHarness) -> bool:
    return bool(harness.receipts("hidden"))


def deleted_ago(harness: MemoryHarness, seconds: float) -> None:
    """A deletion that the log took then is applied, and no manifest hides it yet."""
    harness.log.clock = lambda: round((time.time() - seconds) * 1000)
    harness.send(delete("r0", "s"))
    harness.turn(3)
    assert harness.owned.view.pending
    assert not hidden(harness)


def test_heartbeats_go_on_while_a_deletion_waits_within_its_time(harness: MemoryHarness) -> None:
    deleted_ago(harness, 60.0)
    before = heartbeats(harness)

    harness.wait(5 * harness.settings.heartbeat_every)

    assert not hidden(harness)
    assert heartbeats(harness) > before


def test_no_heartbeat_is_sent_while_a_deletion_is_past_its_deadline(harness: MemoryHarness) -> None:
    # given a deletion whose hour is over, and the manifest in force is of before it
    deleted_ago(harness, 7200.0)
    before = heartbeats(harness)

    # when several heartbeats would be due
    harness.wait(5 * harness.settings.heartbeat_every)

    # then there is none, until a manifest hides it
    assert not hidden(harness)
    assert heartbeats(harness) == before
    harness.now += SILENT
    harness.wait(5 * harness.settings.heartbeat_every)
    assert hidden(harness)
    assert heartbeats(harness) > before + 1
