"""Burying the rows of a deleted subject: those that the membership still names, nothing else."""

from __future__ import annotations

from tests.unit.rows_by_hand import ANN, BOB, members
from unlearn.events.partitioner import tag_of
from unlearn.maintenance.cleanup import bury, group_of
from unlearn.partition.cleanups.open_cleanups import OpenCleanups
from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import Change, Cleanup, Slice, Tables
from unlearn.state.entries import FOREVER, NO_TOMB, Entry, Pair

TAG = tag_of(ANN)
CLEANUP = Cleanup(30, 0, 0)


def name(slot: int) -> bytes:
    """The record digest of the row that `members` makes."""
    return slot.to_bytes(16, "big")


def ledger(*slots: int) -> tuple[Tables, Ledger]:
    change, view = Change(), Tables({})
    change.put("slices", (0, 10), Slice(sum_slots(slots), len(slots), -1, "file", len(slots)))
    view.apply(change, 40)
    return view, Ledger(view, 40, 10)


def test_every_row_gets_the_tombstones_death() -> None:
    view, book = ledger(1, 2, 3)
    entries = {name(slot): Entry(NO_TOMB, {TAG: Pair(slot, 0, b"text")}) for slot in (1, 2)}

    changed = bury(members((1, ANN), (2, ANN)), entries, {ANN: CLEANUP}, book)

    change = Change()
    book.settle(change, 40, drop_states=False)
    view.apply(change, 40)
    assert book.kills == [Kill(1, 30, 0), Kill(2, 30, 0)]
    assert all(entry.pairs[TAG] == Pair() for entry in changed.values())
    held = view.slices[0, 10]
    assert (held.sum, held.live, held.last_death, held.file) == (sum_slots([3]), 1, 30, "file")


def test_a_row_that_died_before_is_not_buried_again() -> None:
    _, book = ledger(1, 2)
    entries = {
        name(1): Entry(NO_TOMB, {TAG: Pair(tomb=FOREVER)}),
        name(2): Entry(NO_TOMB, {TAG: Pair(7, 1, b"text")}),
    }

    assert bury(members((1, ANN), (2, ANN), (3, ANN)), entries, {ANN: CLEANUP}, book) == {}
    assert book.kills == []


def test_tombs_and_namesakes_stay() -> None:
    _, book = ledger(1)
    other = Pair(5, 0, b"text")
    entries = {name(1): Entry(4, {TAG: Pair(1, 0, b"text", 2), tag_of(BOB): other})}

    changed = bury(members((1, ANN)), entries, {ANN: CLEANUP}, book)

    assert changed == {name(1): Entry(4, {TAG: Pair(tomb=2), tag_of(BOB): other})}
    assert entries[name(1)].pairs[TAG].slot == 1


def test_a_record_id_in_two_slots_is_buried_at_the_slot_of_its_row() -> None:
    _, book = ledger(1, 2)
    rows = members((1, ANN), (2, ANN))
    both = type(rows)(rows.slots, rows.records[[0, 0]], rows.subjects, rows.revisions, rows.rows)

    bury(both, {name(1): Entry(NO_TOMB, {TAG: Pair(2, 1, b"text")})}, {ANN: CLEANUP}, book)

    assert book.kills == [Kill(2, 30, 0)]


def test_a_later_clean_up_never_holds_up_the_oldest() -> None:
    late = {f"{i:032x}": Cleanup(40 + i, 0, i) for i in range(3)}
    cleanups = {ANN.hex(): Cleanup(30, 0, 2), BOB.hex(): Cleanup(31, 1, 5), **late}

    group = group_of(OpenCleanups(cleanups.items()))

    assert group is not None
    assert (group.shard, group.cursor) == (0, 2)
    assert set(group.cleanups) == {ANN, bytes.fromhex(f"{2:032x}")}
