"""While events go on coming, one walk through a shard's files serves the clean-ups of several subjects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.harness.events import delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.environment.clock import Clock
from unlearn.maintenance.cleanup_pacing import WalkPaces

PEOPLE = [f"p{number}" for number in range(6)]


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """Two records of each person, in the files of one shard, of which a walk takes some time."""
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", shards_per_partition=1, slice_span=4)
    made.send(*(insert(number, PEOPLE[number % 6]) for number in range(12)))
    made.settle()
    ticks = count()
    made.worker._cleaner._clock = Clock(monotonic=lambda: made.now + 0.004 * next(ticks))
    yield made
    made.close()


def stream(harness: MemoryHarness, *people: str) -> None:
    """Delete one person a turn, beside another's records."""
    for number, person in enumerate(people):
        harness.send(delete(None, person, event_id=person), insert(100 + harness.count("inserts") + number))
        harness.turn()


def test_they_are_gathered_while_events_come_and_done_when_none_does(harness: MemoryHarness) -> None:
    stream(harness, *PEOPLE[:5])
    walks = harness.count("sweeps")
    assert len(harness.owned.view.cleanups) >= 3

    harness.turn(5)

    assert harness.count("sweeps") == walks + 1
    assert harness.owned.view.cleanups == {}
    assert {receipt.event_id: receipt.records for receipt in harness.receipts("hidden")} == dict.fromkeys(PEOPLE[:5], 2)
    assert harness.verify_store().verdict == "equal"


def test_a_new_owner_doesnt_wait(harness: MemoryHarness) -> None:
    stream(harness, *PEOPLE[:3])
    assert harness.owned.view.cleanups

    harness.start()
    harness.turn(3)

    assert harness.owned.view.cleanups == {}
    assert harness.owned.kept(WalkPaces).due(0, 1, harness.now)
