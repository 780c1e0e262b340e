"""A slice's new file and the holes that it makes needless change together."""

from __future__ import annotations

from pathlib import Path

from tests.unit.owner import owner
from tests.unit.rows_by_hand import ANN, members
from unlearn.partition.claimed_partition import ClaimedPartition, Filed
from unlearn.partition.rows import Members
from unlearn.partition.tables import Change, Slice
from unlearn.storage.artefacts import Artefact, FolderStore, read_name
from unlearn.storage.slice_files import decode_slice
from unlearn.storage.slice_writer import register_file, write_slice

ARTEFACT = Artefact(0, 1, "slice", 10, 30)
HOLES = {b"2": b"21", b"4": b"14", b"6": b"26"}


def an_owner() -> ClaimedPartition:
    change = Change()
    change.put("slices", (1, 10), Slice(sum=5, live=3, last_death=26, file="old", rows=6, first_death=14))
    change.put("meta", "holes", 9)
    return owner(change, 40, {"{m:0}:holes:1:0": HOLES})


def test_rows_become_a_file_whose_name_tells_its_end_and_applied(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)

    filed = write_slice(store, ARTEFACT, "1-ab-7", members((2, ANN), (5, b"")))

    assert read_name(filed.name) == ARTEFACT
    assert "/1-ab-7." in filed.name
    assert decode_slice(store.get(filed.name)).slots.tolist() == [2, 5]
    assert (filed.shard, filed.slots) == (1, frozenset({2, 5}))


def test_a_slice_without_rows_gets_no_file(tmp_path: Path) -> None:
    assert write_slice(FolderStore(tmp_path), ARTEFACT, "1-ab-7", Members.empty()) == Filed(1, 10, "", frozenset())
    assert list(tmp_path.iterdir()) == []


def test_only_holes_of_rows_that_the_file_lacks_go() -> None:
    owned, change = an_owner(), Change()

    register_file(owned, change, Filed(1, 10, "new", frozenset({1, 6, 7})))

    assert change.ops == [("HDEL", "{m:0}:holes:1:0", "2", "4")]
    assert change.tables["slices"][1, 10] == Slice(5, 3, 26, "new", rows=3, first_death=26)
    assert change.tables["meta"]["holes"] == 7


def test_two_files_in_one_change_count_their_holes_together() -> None:
    owned, change = an_owner(), Change()
    change.put("meta", "holes", 8)

    register_file(owned, change, Filed(1, 10, "", frozenset()))

    assert change.tables["slices"][1, 10] == Slice(5, 3, 26, "", rows=0, first_death=-1)
    assert change.tables["meta"]["holes"] == 5
