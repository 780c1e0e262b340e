"""Pointers that lead nowhere after a rollback of Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.unit.owner import HandState, owner
from tests.unit.rows_by_hand import ANN, BOB, members
from unlearn.events.partitioner import tag_of
from unlearn.maintenance.repair import Repairer, stray
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.ledger import Kill
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import Change, Cleanup, Slice, Tables
from unlearn.settings import Settings
from unlearn.state.entries import FOREVER, NO_TOMB, Entry, Pair, encode_entry
from unlearn.state.scripts import Op, Token
from unlearn.storage.artefacts import Artefact, FolderStore, artefact_name
from unlearn.storage.slice_writer import write_slice

COVERED = {tag_of(ANN): Cleanup(30, 0, 0)}
NAME = (4).to_bytes(12, "big")
SETTINGS = Settings(secret=SecretStr("0123456789abcdef"))


@pytest.mark.parametrize(
    ("slot", "found_it"),
    [(4, True), (9, True), (10, False), (3, False), (5, False)],
    ids=["first", "last", "next slice", "slice before", "in the file"],
)
def test_covered_rows_that_the_file_lacks_are_strays(slot: int, found_it: bool) -> None:
    entry = Entry(NO_TOMB, {tag_of(ANN): Pair(slot, 0, b"text")})

    found = list(stray(entry, view_of(4, 10, 20), {(0, 10): frozenset({5, 6})}, COVERED))

    assert found == ([(tag_of(ANN), Kill(slot, 30, 0))] if found_it else [])


def test_others_rows_and_rows_that_are_no_more_are_none() -> None:
    entry = Entry(2, {tag_of(BOB): Pair(7, 0, b"text"), tag_of(ANN): Pair(tomb=FOREVER)})

    assert list(stray(entry, view_of(4, 10), {(0, 10): frozenset(), (0, 4): frozenset()}, COVERED)) == []


def view_of(*ends: int) -> Tables:
    change, view = Change(), Tables({})
    for end in ends:
        change.put("slices", (0, end), Slice())
    view.apply(change, 40)
    return view


def an_owner(*live: int, cleanup: bool = False) -> ClaimedPartition:
    """Of one slice up to 10, whose pointer leads nowhere; the row at 4 is Ann's."""
    change = Change()
    change.put("slices", (0, 10), Slice(sum_slots(live), len(live), 20, "0/0/slice/gone", 3))
    change.put("meta", "live", len(live))
    if cleanup:
        change.put("cleanups", ANN.hex(), Cleanup(30, 0, 0))
    entry = encode_entry(Entry(NO_TOMB, {tag_of(ANN): Pair(4, 0, b"text")}))
    return owner(change, 40, {"{m:0}:holes:0:0": {b"4": b"30"} if cleanup else {}}, {NAME: entry})


def repaired(owned: ClaimedPartition, folder: Path, *rows: tuple[int, bytes], applied: int = 31) -> Slice:
    store = FolderStore(folder)
    write_slice(store, Artefact(0, 0, "slice", 10, applied), "1-ab-7", members(*rows))
    Repairer(SETTINGS, store).turn(owned)
    assert owned.files_seen
    return owned.view.slices[0, 10]


def test_the_newest_file_of_the_slice_is_taken(tmp_path: Path) -> None:
    owned = an_owner(2, 3)

    held = repaired(owned, tmp_path, (2, b""), (3, b""))

    assert held.file == next(name for name, *_ in FolderStore(tmp_path).names(""))
    assert (held.rows, held.live, owned.counters["slices_repaired"]) == (2, 2, 1)


def test_a_covered_row_that_it_lacks_is_buried(tmp_path: Path) -> None:
    owned = an_owner(2, 4, cleanup=True)

    held = repaired(owned, tmp_path, (2, b""))

    state = owned.state
    assert isinstance(state, HandState)
    assert ("RECORD.SET", NAME, encode_entry(Entry(NO_TOMB, {tag_of(ANN): Pair()}))) in state.committed
    assert ("HSET", "{m:0}:holes:0:0", "4", "30") in state.committed
    assert (held.live, held.sum, held.last_death) == (1, sum_slots([2]), 30)
    assert (owned.view.number("live"), owned.view.number("holes")) == (1, 0)


def test_each_subject_is_counted_its_own_rows_where_one_alias_deleted_two(tmp_path: Path) -> None:
    change, texts = Change(), {4: ANN, 5: BOB, 6: BOB}
    change.put("slices", (0, 10), Slice(sum_slots([2, *texts]), 4, 20, "0/0/slice/gone", 3))
    change.put("cleanups", ANN.hex(), Cleanup(30, 0, 0, 1))
    change.put("cleanups", BOB.hex(), Cleanup(30, 0, 0, 5))
    entries = {at.to_bytes(12, "big"): Entry(NO_TOMB, {tag_of(of): Pair(at, 0, b"text")}) for at, of in texts.items()}
    holes = {b"%d" % at: b"30" for at in texts}
    owned = owner(change, 40, {"{m:0}:holes:0:0": holes}, {name: encode_entry(one) for name, one in entries.items()})

    repaired(owned, tmp_path, (2, b""))

    assert {subject: held.killed for subject, held in owned.view.cleanups.items()} == {ANN.hex(): 2, BOB.hex(): 7}


def test_a_file_from_beyond_what_is_applied_is_not_taken(tmp_path: Path) -> None:
    owned = an_owner(2)

    assert repaired(owned, tmp_path, (2, b""), applied=41).file == "0/0/slice/gone"
    assert owned.counters["slices_lost"] == 1


def test_a_file_older_than_the_lost_one_is_not_taken(tmp_path: Path) -> None:
    """Nobody has collected it yet: the slice has lost all its rows since, and their holes are gone."""
    owned, change = an_owner(4, cleanup=True), Change()
    lost = artefact_name(Artefact(0, 0, "slice", 10, 35), "1-ab-7", b"lost")
    change.put("slices", (0, 10), Slice(sum_slots([4]), 1, 20, lost, 3))
    owned.view.apply(change, 40)

    assert repaired(owned, tmp_path, (2, b""), (4, ANN), applied=34).file == ""
    assert owned.view.slices[0, 10].live == 0


def test_a_slice_without_living_rows_needs_no_file(tmp_path: Path) -> None:
    """Rewriting a file without any row writes none: there is no newer one to take."""
    owned = an_owner(4, cleanup=True)

    held = repaired(owned, tmp_path)

    assert (held.file, held.rows, held.live, owned.counters["slices_repaired"]) == ("", 0, 0, 1)


def test_a_lost_file_with_living_rows_is_told(tmp_path: Path) -> None:
    owned = an_owner(2)

    assert repaired(owned, tmp_path).file == "0/0/slice/gone"
    assert owned.counters["slices_lost"] == 1


def test_the_membership_is_read_once_for_all_files(tmp_path: Path) -> None:
    owned, change, store = an_owner(2, 4, cleanup=True), Change(), FolderStore(tmp_path)
    for end in (20, 30):
        change.put("slices", (0, end), Slice(sum_slots([end - 1]), 1, 20, "0/0/slice/gone", 1))
        write_slice(store, Artefact(0, 0, "slice", end, 31), "1-ab-7", members((end - 1, b"")))
    owned.view.apply(change, 40)
    state = owned.state
    assert isinstance(state, HandState)
    read, looked = state.read, Counter[str]()

    def reading(token: Token, applied: int, writes: int, ops: Sequence[Op]) -> list[Any]:
        looked.update(str(op[0]) for op in ops)
        return read(token, applied, writes, ops)

    state.read = reading  # type: ignore[method-assign]
    repaired(owned, tmp_path, (2, b""))

    assert owned.counters["slices_repaired"] == 3
    assert owned.view.slices[0, 10].live == 1
    assert looked["RECORDS.WALK"] == 1
