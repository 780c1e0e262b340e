"""Subjects that surely have an entry: none is ever taken for one that has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.harness.events import delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.ingest import entered_subjects
from unlearn.ingest.entered_subjects import EnteredSubjects


def digests(seed: int, n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 16), np.uint8)


def test_who_was_added_is_known_until_another_needs_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entered_subjects, "_PLACES", 64)
    subjects, kept = digests(1, 200), EnteredSubjects()
    assert not kept.has(subjects).any()

    for at in range(0, 200, 20):
        kept.add(subjects[at : at + 20])
        known = kept.has(subjects)
        assert not known[at + 20 :].any(), "nobody who wasn't added"
        assert known[at : at + 20].any()

    assert 0 < kept.has(subjects).sum() <= 64


@pytest.mark.parametrize("half", [0, 1])
def test_half_a_digest_is_nobody(half: int) -> None:
    subjects, kept = digests(2, 50), EnteredSubjects()
    kept.add(subjects)
    others = subjects.copy()
    others[:, 8 * half : 8 * half + 8] = digests(3, 50)[:, :8]

    assert kept.has(subjects).all()
    assert not kept.has(others).any()


def test_nobody_at_all() -> None:
    kept = EnteredSubjects()
    kept.add(digests(4, 0))

    assert kept.has(digests(4, 0)).shape == (0,)


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", shards_per_partition=1, slice_span=8, ingest="fast")
    yield made
    made.close()


def subjects_entered(harness: MemoryHarness) -> int:
    return harness.owned.view.number("subject_count")


def test_a_subject_that_was_entered_is_deleted_whole_whoever_owns_the_partition(harness: MemoryHarness) -> None:
    for number in range(24):
        harness.send(insert(number, f"p{number % 3}"))
        harness.turn(1)
        if number == 12:
            harness.start()
    harness.settle()
    assert subjects_entered(harness) == 3

    harness.send(delete(None, "p1", event_id="d"))
    harness.settle()
    harness.turn(20)

    assert {one.records for one in harness.receipts("hidden")} == {8}
    assert harness.verify_store().verdict == harness.verify().verdict == "equal"
