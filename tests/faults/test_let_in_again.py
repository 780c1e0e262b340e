"""Subjects that are let in again while the clean-up of their deletion is still under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import wrong_manifests, wrong_receipts
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.events.event import Delete, Lift
from unlearn.maintenance.cleanup import Cleaner

Open = Callable[[str], MemoryHarness]


@pytest.fixture
def harness_of(redis_url: str, tmp_path: Path) -> Iterator[Open]:
    opened: list[MemoryHarness] = []

    def open_harness(learner: str, **changed: Any) -> MemoryHarness:
        opened.append(MemoryHarness(redis_url, tmp_path, learner, shards_per_partition=1, **changed))
        return opened[-1]

    yield open_harness
    for harness in opened:
        harness.close()


def _lift(subject: str) -> Lift:
    return Lift(event_id=f"lift {subject}", subject_id=subject, requested_at="2024-01-01")


def _so_far(subject: str) -> Delete:
    return Delete(event_id=f"so far {subject}", subject_id=subject, requested_at="2024-01-01", scope="so_far")


def _counts(harness: MemoryHarness) -> dict[int, int | None]:
    """Offset of each deletion -> how many records its last receipt says that it killed."""
    return {receipt.offset: receipt.records for receipt in harness.receipts("hidden")}


def _grown(harness: MemoryHarness) -> None:
    harness.send(*[insert(number, "ann") for number in range(4)], insert(10, "bob"), SEAL)
    harness.settle()
    harness.send(*[insert(number, "ann") for number in range(4, 7)], insert(11, "bob"), SEAL)
    harness.settle()


@pytest.mark.parametrize("restart", [False, True], ids=["", "restart"])
@pytest.mark.parametrize("learner", ["naive-bayes", "linear"])
def test_old_rows_die_by_the_first_deletion_and_new_ones_live_until_the_next(
    harness_of: Open, monkeypatch: pytest.MonkeyPatch, learner: str, restart: bool
) -> None:
    harness = harness_of(learner)
    _grown(harness)
    with monkeypatch.context() as held:
        held.setattr(Cleaner, "turn", lambda *_, gathers: None)
        first = harness.send(delete(None, "ann"))
        harness.turn(3)
        # Record 1 comes again, 20 is new; 2 comes again and is deleted by itself, before any hole of it is there.
        harness.send(_lift("ann"), insert(1, "ann"), insert(20, "ann"), insert(2, "ann"))
        pair = harness.send(delete("r2", "ann"))
        harness.turn(3)
        assert not wrong_manifests(harness)
        second = harness.send(_so_far("ann"))
        harness.send(insert(1, "ann"), insert(21, "ann"), SEAL)
        harness.turn(3)
        third = harness.send(delete("r21", "ann"))
        if restart:
            harness.start()
        harness.turn(5)
        assert not wrong_manifests(harness)
    assert not harness.count("lineage_mismatches"), "what was buried as it came again is no longer counted"
    harness.settle()
    harness.wait(3.0)
    harness.settle()

    assert not wrong_manifests(harness)
    assert not wrong_receipts(harness)
    assert harness.verify_store().verdict == "equal"
    counts = _counts(harness)
    assert [counts[at] for at in (first, pair, second, third)] == [7, 1, 2, 1]
    assert harness.owned.view.number("live") == 3


def test_a_further_deletion_goes_back_to_the_rows_that_were_passed() -> None:
    from unlearn.partition.cleanups.open_cleanups import Cleanup

    cleanup = Cleanup(30, 0, 50, 2).and_of(60, 35)
    assert (cleanup.cursor, cleanup.deaths) == (35, (30, 60))
    assert [cleanup.death_of(slot) for slot in (29, 30, 59, 60)] == [30, 60, 60, None]
    assert cleanup.counting({30: 1, 60: 4, 61: 9}).counts == {30: 3, 60: 4}
