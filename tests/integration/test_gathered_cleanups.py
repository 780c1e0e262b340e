"""While events go on coming, one walk through a shard's files serves the clean-ups of several subjects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.environment.clock import Clock
from unlearn.events.partitioner import Digests, shard_of
from unlearn.maintenance.cleanup_pacing import WalkPaces
from unlearn.storage.slice_files import LAST_READ

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


def test_files_are_rewritten_all_the_while(harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WalkPaces, "due", lambda *_, gathers: not gathers)
    before = harness.count("rewritten")
    harness.send(delete("r0", PEOPLE[0]), delete(None, PEOPLE[1]))

    for number in range(20):
        harness.send(insert(300 + number))
        harness.turn()

    assert len(harness.owned.view.cleanups) == 1
    assert harness.count("rewritten") > before
    harness.turn(20)
    assert harness.owned.view.cleanups == {}
    assert harness.verify_store().verdict == "equal"


def test_a_file_that_cant_be_read_holds_up_its_own_shard_alone(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", shards_per_partition=2)
    try:
        harness.send(*(insert(number, PEOPLE[number % 6]) for number in range(12)), SEAL)
        harness.settle()
        homes = {person: shard_of(Digests(harness.settings.secret_bytes).subject(person), 2) for person in PEOPLE}
        spoilt, whole = (next(person for person in PEOPLE if homes[person] == shard) for shard in (0, 1))
        (file,) = (held.file for (shard, _), held in harness.owned.view.slices.items() if shard == 0)
        harness.store.put(file or "", b"spoilt")
        LAST_READ.clear()
        harness.owned.stored_bytes = None

        harness.send(delete(None, spoilt), delete(None, whole))
        harness.turn(30)

        assert list(harness.owned.view.open_cleanups.of_shard(0)) != []
        assert list(harness.owned.view.open_cleanups.of_shard(1)) == []
        assert harness.owned.stored_bytes is not None, "the collector looked"
    finally:
        harness.close()


def test_a_new_owner_doesnt_wait(harness: MemoryHarness) -> None:
    stream(harness, *PEOPLE[:3])
    assert harness.owned.view.cleanups

    harness.start()
    harness.turn(3)

    assert harness.owned.view.cleanups == {}
    assert harness.owned.kept(WalkPaces).due(0, 1, harness.now, gathers=True)
