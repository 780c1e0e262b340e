"""A tail that can't be read counts as none: the log is read instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.rows_by_hand import ANN, members
from unlearn.maintenance.tails import read_tail
from unlearn.partition.tables import Change, Cleanup, Tables
from unlearn.storage.artefacts import Artefact, FolderStore, artefact_name
from unlearn.storage.slice_files import encode_slice

DATA = encode_slice(9, 9, members((3, ANN), (5, b"")))
NAME = artefact_name(Artefact(0, 0, "tail", 9, 9), "1-ab-1", DATA)


def test_a_tail_gives_its_rows_and_how_far_it_reaches(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(NAME, DATA)

    rows, reach = read_tail(store, NAME, 9)

    assert (rows.slots.tolist(), reach) == ([3, 5], 9)


@pytest.mark.parametrize(
    "data",
    [None, b"", DATA[:-1], DATA[:-9] + bytes([DATA[-9] ^ 1]) + DATA[-8:]],
    ids=["missing", "empty", "cut", "flipped"],
)
def test_a_tail_that_cannot_be_read_counts_as_none(tmp_path: Path, data: bytes | None) -> None:
    store = FolderStore(tmp_path)
    if data is not None:
        store.put(NAME, data)

    rows, reach = read_tail(store, NAME, 9)

    assert (len(rows), reach) == (0, 0)


def test_an_empty_name_gives_no_tail(tmp_path: Path) -> None:
    assert read_tail(FolderStore(tmp_path), "", 9)[1] == 0


def test_its_name_promises_no_more_than_the_holes_do() -> None:
    """A tail may hold rows of a subject that is dead, as long as its clean-up is open."""
    change, view = Change(), Tables({})
    change.put("cleanups", "ab" * 16, Cleanup(15, 1, 0))
    change.put("cleanups", "cd" * 16, Cleanup(12, 0, 0))
    view.apply(change, 20)

    assert view.holed_before == 12
