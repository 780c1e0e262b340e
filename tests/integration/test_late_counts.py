"""A deletion of a person is hidden before its rows are counted: it waits for nothing, and its count is told later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.events import delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.results.manifest import Receipt


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """Three records of Ann's, who is deleted twice; nobody cleans up."""
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes")
    made.send(*(insert(number, "ann") for number in range(3)), insert(3, "bob"))
    made.settle()
    without_cleaning(made)
    made.send(delete(None, "ann", event_id="first"), delete(None, "ann", event_id="again"))
    made.turn(12)
    yield made
    made.close()


def without_cleaning(harness: MemoryHarness) -> None:
    harness.worker._cleaner.turn = lambda *_, gathers: None  # type: ignore[method-assign]


def hidden(harness: MemoryHarness, event_id: str) -> list[Receipt]:
    return [receipt for receipt in harness.receipts("hidden") if receipt.event_id == event_id]


def test_it_is_hidden_without_its_count_and_then_told_once_more(harness: MemoryHarness) -> None:
    (first,) = hidden(harness, "first")
    assert (first.records, first.met) == (None, True)
    assert [receipt.records for receipt in hidden(harness, "again")] == [0]
    assert harness.owned.view.pending == {}
    assert list(harness.owned.view.uncounted) == [first.offset]

    harness.start()
    harness.settle()

    assert hidden(harness, "first") == [first, first.model_copy(update={"records": 3})]
    assert len(hidden(harness, "again")) == 1
    assert harness.owned.view.uncounted == {}


def test_an_owner_that_dies_before_the_last_receipt_is_out_leaves_the_count(harness: MemoryHarness) -> None:
    harness.start()
    harness.worker._receipts.turn = lambda *_: None  # type: ignore[method-assign]
    harness.turn(8)
    assert harness.owned.view.cleanups == {}
    assert [held.records for held in harness.owned.view.late_counts.counted.values()] == [3]

    harness.start()
    harness.settle()

    assert [receipt.records for receipt in hidden(harness, "first")] == [None, 3]


def test_where_retention_took_the_name_only_the_count_is_untold(harness: MemoryHarness) -> None:
    end = harness.log.bounds(harness.settings.events_topic)[0][1]
    harness.log.truncate(harness.settings.events_topic, 0, end)

    harness.start()
    harness.turn(20)

    assert [receipt.records for receipt in hidden(harness, "first")] == [None]
    assert (harness.owned.view.uncounted, harness.owned.view.unresolved) == ({}, {})
    assert harness.count("counts_untold") == 1
