"""Slice files, the deaths of their rows, and the rows that are in no file yet."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rows_by_hand import ANN, BOB, members
from unlearn.errors import ArtefactInvalid
from unlearn.maintenance.seal import ends_to_file
from unlearn.partition.cleanups.covers import Covers
from unlearn.partition.cleanups.digest_table import DigestTable
from unlearn.partition.open_rows import OpenRows
from unlearn.partition.rows import NEVER, Members, deaths
from unlearn.partition.tables import Change, Slice, Tables
from unlearn.recently_used import RecentlyUsed
from unlearn.storage import slice_files
from unlearn.storage.artefacts import FolderStore
from unlearn.storage.slice_files import decode_slice, encode_slice, read_slice
from unlearn_models.base.encoding import decode_arrays, encode_arrays
from unlearn_models.base.rows import Rows


def test_a_file_holds_the_rows_as_they_were() -> None:
    rows = members((3, ANN), (5, b""))

    back = decode_slice(encode_slice(10, 12, rows))

    for name in ("slots", "records", "subjects", "revisions"):
        assert np.array_equal(getattr(back, name), getattr(rows, name))
    assert back.rows.values.tobytes() == rows.rows.values.tobytes()
    assert encode_slice(10, 12, back) == encode_slice(10, 12, rows)


def _valued(*values: float) -> Members:
    """A row of its own for each value."""
    held = members(*((n, ANN) for n in range(len(values))))
    rows = Rows(held.rows.labels, held.rows.indptr, held.rows.indices, np.array(values))
    return Members(held.slots, held.records, held.subjects, held.revisions, rows)


@pytest.mark.parametrize(
    "values", [(1.0, 255.0), (1.0, 256.0), (1.0, 0.5), (-1.0, 2.0), (1e300, 1.0), (5e-324, 3.0), (257.0, 2.0**53)]
)
def test_values_come_back_as_they_were_in_one_byte_each_or_in_eight(values: tuple[float, ...]) -> None:
    data = encode_slice(10, 12, _valued(*values))

    back = decode_slice(data).rows.values
    assert back.tobytes() == np.array(values).tobytes()
    assert not back.flags.writeable
    stored = decode_arrays(data)[1]["values"]
    assert stored.dtype == (np.uint8 if values == (1.0, 255.0) else np.float64)


def test_files_of_an_earlier_release_are_read() -> None:
    rows = members((3, ANN), (5, b""))
    _, arrays = decode_arrays(encode_slice(10, 12, rows))
    arrays["values"] = rows.rows.values
    before = encode_arrays({"kind": "slice/1", "end": 10, "applied": 12}, arrays)

    assert encode_slice(10, 12, decode_slice(before)) == encode_slice(10, 12, rows)


@pytest.mark.parametrize(
    "data", [b"", b"junk", encode_arrays({"kind": "state"}, {}), encode_slice(1, 1, members())[:-1]]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ArtefactInvalid):
        decode_slice(data)


def test_files_are_read_once_as_long_as_their_bytes_have_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (encode_slice(10, 12, members(*((n, ANN) for n in range(count)))) for count in (1, 50))
    values = 51 * np.dtype(np.float64).itemsize
    monkeypatch.setattr(slice_files, "LAST_READ", RecentlyUsed[object, Members](len(large) + len(small) + values))
    store, other = FolderStore(tmp_path / "a"), FolderStore(tmp_path / "b")
    for name, data in {"small": small, "large": large, "more": small}.items():
        store.put(name, data)
    other.put("small", large)

    first = read_slice(store, "small")
    assert read_slice(store, "small") is first
    assert len(read_slice(other, "small")) == 50, "each store has names of its own"
    assert read_slice(store, "small") is first
    read_slice(store, "more")
    read_slice(store, "large")
    assert read_slice(store, "small") is not first, "what was used longest ago made room"


def test_holes_and_clean_ups_say_who_is_dead() -> None:
    rows = members((3, ANN), (4, BOB), (5, b""), (6, ANN))

    found, covered = deaths(rows, {5: 20, 9: 21}, Covers({ANN: (30,)}))

    assert found.tolist() == [30, NEVER, 20, 30]
    assert covered.tolist() == [True, False, False, True]


def test_a_hole_came_before_the_clean_up() -> None:
    found, covered = deaths(members((3, ANN)), {3: 20}, Covers({ANN: (30,)}))

    assert (found.tolist(), covered.tolist()) == ([20], [False])


def test_an_empty_slice_has_no_deaths() -> None:
    found, covered = deaths(Members.empty(), {3: 20}, Covers({ANN: (30,)}))

    assert (len(found), len(covered)) == (0, 0)


def open_rows() -> OpenRows:
    """Slots 3 (shard 0), 4 and 7 (shard 1), 12 (shard 0); 4 is dead."""
    rows = OpenRows()
    rows.add(np.array([0, 1], np.int32), members((3, ANN), (4, BOB)))
    rows.add(np.array([1, 0], np.int32), members((7, BOB), (12, ANN)))
    rows.kill([4, 1])
    return rows


def slots(cut: Mapping[tuple[int, int], Members]) -> dict[tuple[int, int], list[int]]:
    return {key: rows.slots.tolist() for key, rows in cut.items()}


def test_a_cut_takes_the_living_below_the_end() -> None:
    assert slots(open_rows().cut([10])) == {(10, 0): [3], (10, 1): [7]}
    assert slots(open_rows().cut([7])) == {(7, 0): [3]}
    assert slots(open_rows().cut([13])) == {(13, 0): [3, 12], (13, 1): [7]}
    assert slots(open_rows().cut([2])) == {}


def test_several_slices_are_cut_at_once() -> None:
    assert slots(open_rows().cut([5, 7, 10, 20])) == {(5, 0): [3], (10, 1): [7], (20, 0): [12]}


@pytest.mark.parametrize("seed", range(20))
def test_slices_cut_at_once_hold_what_each_row_alone_says(seed: int) -> None:
    chance = random.Random(seed)
    taken = sorted(chance.sample(range(100), 40))
    ends = sorted(chance.sample(range(1, 101), 5))
    dead = chance.sample(taken, chance.choice((0, 9)))
    shards = {slot: chance.randrange(3) for slot in taken}
    rows = OpenRows()
    for start in range(0, 40, 7):
        part = taken[start : start + 7]
        rows.add(np.array([shards[slot] for slot in part], np.int32), members(*((slot, ANN) for slot in part)))
    rows.kill(dead)

    while ends:
        wanted: dict[tuple[int, int], list[int]] = {}
        for slot in taken:
            if slot not in dead and slot < ends[-1]:
                wanted.setdefault((ends[bisect_right(ends, slot)], shards[slot]), []).append(slot)
        found = {(end, shard): encode_slice(end, 0, one) for (end, shard), one in rows.cut(ends).items()}
        by_hand = {key: members(*((slot, ANN) for slot in slots)) for key, slots in wanted.items()}
        assert found == {(end, shard): encode_slice(end, 0, one) for (end, shard), one in by_hand.items()}
        assert rows.all().slots.tolist() == [slot for slot in taken if slot not in dead]
        done = chance.randint(1, len(ends))
        rows.drop(ends[done - 1])
        taken = [slot for slot in taken if slot >= ends[done - 1]]
        ends = ends[done:]
        assert len(rows) == len(taken)


def ended(*live: int) -> Tables:
    """Slices of one shard that end at 10, 20, ..., with so many rows; the first is registered."""
    change = Change()
    for at, rows in enumerate(live):
        change.put("slices", (0, 10 * (at + 1)), Slice(live=rows))
    change.put("meta", "registered", 10)
    view = Tables({})
    view.apply(change, 500)
    return view


def test_all_slices_that_have_ended_are_filed_in_one_job_within_its_bounds() -> None:
    assert ends_to_file(ended(5)) == ()
    assert ends_to_file(ended(5, 5, 5)) == (20, 30)
    assert ends_to_file(ended(*[5] * 40)) == tuple(range(20, 180, 10))
    assert ends_to_file(ended(5, 20_000, 30_000, 1)) == (20, 30)
    assert ends_to_file(ended(5, 60_000, 1)) == (20,)


def test_open_rows_of_a_registered_slice_are_dropped() -> None:
    rows = open_rows()

    rows.drop(7)

    assert len(rows) == 2
    assert slots(rows.cut([99])) == {(99, 0): [12], (99, 1): [7]}


def test_a_digest_table_finds_whole_digests_and_nothing_else() -> None:
    ends = [b"", b"\0", b"\0\0", b" ", b"\n", b"\xff"]
    digests = [b"d" * (16 - len(end)) + end for end in ends]
    table = DigestTable({digest: at for at, digest in enumerate(digests[1:], 1)})

    found = table.find(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16), -1)

    assert found.tolist() == [-1, 1, 2, 3, 4, 5]


def test_digests_that_begin_alike_are_told_apart() -> None:
    digests = [b"begins alike"[:8] + bytes([n]) * 8 for n in range(4)]
    table = DigestTable({digests[1]: 1, digests[2]: 2})

    found = table.find(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16), -1)

    assert found.tolist() == [-1, 1, 2, -1]


@given(
    st.dictionaries(st.binary(min_size=16, max_size=16), st.integers(0, 2**62)),
    st.lists(st.binary(min_size=16, max_size=16)),
)
def test_a_digest_table_answers_as_its_mapping(numbers: dict[bytes, int], others: list[bytes]) -> None:
    asked = [*numbers, *others]

    found = DigestTable(numbers).find(np.frombuffer(b"".join(asked), np.uint8).reshape(-1, 16), -1)

    assert found.tolist() == [numbers.get(digest, -1) for digest in asked]
