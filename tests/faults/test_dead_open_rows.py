"""An idle partition whose open rows are all dead: one seal lets what they left behind go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import unanswered, wrong_manifests, wrong_receipts
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from tests.harness.model_data import records
from unlearn.maintenance.seal import SEAL_EVENT

SEAL_AFTER = 2.0


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    made = MemoryHarness(redis_url, tmp_path, "linear", seal_after=SEAL_AFTER)
    made.send(*[insert(n) for n in range(6)], SEAL)
    made.settle()
    yield made
    made.close()


def seals(harness: MemoryHarness) -> int:
    """Written by the owner."""
    return sum(record.value == SEAL_EVENT for record in records(harness.log, harness.settings.events_topic)) - 1


def erased(harness: MemoryHarness) -> int:
    return harness.manifests()[-1][1].erased_through


@pytest.mark.parametrize("deletion", [delete("r9", "ann"), delete(None, "ann")], ids=["record", "subject"])
@pytest.mark.parametrize("tail", [False, True])
def test_the_slice_of_dead_open_rows_is_ended(harness: MemoryHarness, deletion: object, tail: bool) -> None:
    harness.send(insert(9, "ann"))
    if tail:
        harness.wait(1.0)
        assert harness.count("tails") == 1
    at = harness.send(deletion)  # type: ignore[arg-type]
    harness.turn(2)
    harness.owned.rows_since = None  # as it is after a claim, or if both came in one batch
    assert erased(harness) <= at
    harness.wait(SEAL_AFTER + 5.0)

    assert seals(harness) == 1
    assert erased(harness) > at
    assert harness.owned.view.open == {}
    assert unanswered(harness) == wrong_manifests(harness) == wrong_receipts(harness) == []
    assert harness.verify().verdict == "equal"


def test_a_row_that_comes_and_dies_in_one_batch_is_sealed_once(harness: MemoryHarness) -> None:
    """Rows that come and die in one batch were never live in anybody's eyes."""
    harness.send(insert(9, "ann"))
    at = harness.send(delete("r9", "ann"))
    harness.turn(2)
    assert harness.owned.rows_since is None
    harness.wait(SEAL_AFTER + 30.0)

    assert seals(harness) == 1
    assert erased(harness) > at


def test_no_seal_is_written_where_no_dead_row_is_open(harness: MemoryHarness) -> None:
    harness.send(delete("r1"), delete("r99"), insert(1))
    harness.wait(SEAL_AFTER + 30.0)

    assert seals(harness) == 0
