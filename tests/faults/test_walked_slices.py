"""The clean-up of a whole subject, and the forgetting beside it, read the files with its rows, and hardly others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import wrong_manifests
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.partition.slices.subject_filters import SubjectFilters
from unlearn.storage.slice_files import LAST_READ

SLICES = 30
Open = Callable[..., MemoryHarness]


@pytest.fixture
def harness_of(redis_url: str, tmp_path: Path) -> Iterator[Open]:
    opened: list[MemoryHarness] = []

    def open_harness(**changed: Any) -> MemoryHarness:
        opened.append(MemoryHarness(redis_url, tmp_path, "naive-bayes", shards_per_partition=1, **changed))
        return opened[-1]

    yield open_harness
    for harness in opened:
        harness.close()


def _grow(harness: MemoryHarness) -> None:
    """Slices of four rows; the subject `ann` has one row in two of them, `bob` in two others."""
    for number in range(SLICES):
        owner = {3: "ann", 17: "ann", 8: "bob", 9: "bob"}.get(number, f"s{number}")
        rows = [insert(10 * number + more, f"t{number}-{more}") for more in range(3)]
        harness.send(*rows, insert(10 * number + 9, owner), SEAL)
        harness.settle()


def _read_by(harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> set[str]:
    """The slice files that are read while `act` runs."""
    LAST_READ.clear()
    names: set[str] = set()
    get = harness.store.get

    def noting(name: str, size: int | None = None) -> bytes:
        names.add(name)
        return get(name, size)

    monkeypatch.setattr(harness.store, "get", noting)
    act()
    monkeypatch.undo()
    return {name for name in names if "/slice/" in name}


def _forget(harness: MemoryHarness, subject: str) -> Callable[[], None]:
    def act() -> None:
        harness.send(delete(None, subject))
        harness.settle()

    return act


def test_only_files_with_the_subjects_rows_are_read(harness_of: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = harness_of(erase_after=1e6)
    _grow(harness)
    assert len(_read_by(harness, monkeypatch, _forget(harness, "ann"))) == 2
    assert not wrong_manifests(harness)


def test_a_new_owner_reads_all_once(harness_of: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = harness_of(erase_after=1e6)
    _grow(harness)
    harness.start()
    harness.settle()
    assert len(_read_by(harness, monkeypatch, _forget(harness, "ann"))) == SLICES - 3
    assert len(_read_by(harness, monkeypatch, _forget(harness, "bob"))) == 2
    assert not wrong_manifests(harness)


def test_without_memory_for_it_all_are_read(harness_of: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = harness_of(erase_after=1e6, subject_memory=0)
    _grow(harness)
    assert len(_read_by(harness, monkeypatch, _forget(harness, "ann"))) == SLICES - 3
    assert not wrong_manifests(harness)


@pytest.mark.parametrize("bug", [False, True], ids=["without", "with"])
def test_a_filter_that_leaves_slices_out_is_told(harness_of: Open, monkeypatch: pytest.MonkeyPatch, bug: bool) -> None:
    harness = harness_of()
    _grow(harness)
    if bug:
        monkeypatch.setattr(SubjectFilters, "may_hold", lambda *_: [])
    _forget(harness, "ann")()
    assert bool(wrong_manifests(harness)) == bug
