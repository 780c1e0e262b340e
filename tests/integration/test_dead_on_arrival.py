"""Inserts of a deleted subject, read by columns: they leave behind what they do one by one, whatever stands beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import delete, lift
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.events.event import Event
from unlearn.events.partitioner import Digests
from unlearn.ingest.read_columns import ColumnReader
from unlearn.state.members import walk

OF_ITS_OWN = {"token", "owner", "cluster_id", "topic_id", "identity", "fp_time", "tail"}
"""What `meta` says of the log, of the claim and of the time."""
Make = Callable[[str], MemoryHarness]

BATCHES: dict[str, list[Event]] = {
    "new records": [insert(10, "ann"), insert(11, "bob"), insert(12, "ann")],
    "a record twice": [insert(10, "ann"), insert(10, "ann", revision=1)],
    "a record under two subjects": [insert(10, "ann"), insert(10, "bob")],
    "a known record": [insert(0, "ann"), insert(10, "ann")],
    "let in before": [lift(None, "ann"), insert(10, "ann")],
    "let in between": [insert(10, "ann"), lift(None, "ann"), insert(11, "ann")],
    "let in behind": [insert(10, "ann"), lift(None, "ann")],
    "deleted again": [insert(10, "ann"), delete(None, "ann"), insert(11, "ann")],
    "its record deleted": [insert(10, "ann"), delete("r10", "ann"), insert(11, "ann")],
    "an id deleted": [insert(10, "ann"), delete("r10"), insert(11, "ann")],
    "deleted as it comes": [insert(10, "cid"), delete(None, "cid"), insert(11, "cid")],
}


@pytest.fixture
def make(redis_url: str, tmp_path: Path) -> Iterator[Make]:
    made: list[MemoryHarness] = []

    def made_by(way: str) -> MemoryHarness:
        """Ann is deleted, and Bob is not."""
        harness = MemoryHarness(redis_url, tmp_path / way, "naive-bayes", ingest=way, services_dir=tmp_path)
        made.append(harness)
        harness.send(*(insert(number, ("ann", "bob")[number % 2]) for number in range(4)))
        harness.settle()
        harness.send(delete(None, "ann", event_id="first"))
        harness.settle()
        harness.turn(3)
        return harness

    yield made_by
    for harness in made:
        harness.close()


def left_behind(harness: MemoryHarness, batch: list[Event]) -> dict[str, Any]:
    harness.send(*batch)
    harness.settle()
    owned = harness.owned
    # What comes then shows what is remembered of the batch.
    harness.send(lift(None, "ann", event_id="last"))
    harness.settle()
    harness.send(insert(10, "ann", revision=2), insert(20, "ann"))
    harness.settle()
    members = {
        table: sorted(one for part in walk(owned.read, table) for one in part) for table in ("RECORDS", "SUBJECTS")
    }
    return {
        **members,
        "counts": {name: count for name, count in owned.view.meta.items() if name not in OF_ITS_OWN},
        "manifest": None if owned.manifest is None else [entry.digest for entry in owned.manifest.shards],
        "receipts": [(one.event_id, one.state, one.records) for one in harness.receipts()],
    }


@pytest.mark.parametrize("name", BATCHES)
def test_both_ways_leave_the_same(make: Make, name: str) -> None:
    fast, plain = (left_behind(make(way), BATCHES[name]) for way in ("fast", "plain"))

    assert fast == plain


def test_they_are_read_by_columns(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    harness, taken, of_before = make("fast"), list[bytes](), ColumnReader.read

    def noted(*given: Any) -> Any:
        found = of_before(*given)
        taken.extend(digest.tobytes() for digest in found.dead_on_arrival.records)
        return found

    monkeypatch.setattr(ColumnReader, "read", noted)
    before = harness.count("dead_on_arrival")
    harness.send(*BATCHES["new records"])
    harness.settle()

    digests = Digests(harness.settings.secret_bytes)
    assert taken == [digests.record("r10"), digests.record("r12")]
    assert harness.count("dead_on_arrival") == before + 2
