"""Slice files, the deaths of their rows, and the rows that are in no file yet."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.rows_by_hand import ANN, BOB, members
from unlearn.errors import ArtefactInvalid
from unlearn.partition.open_rows import OpenRows
from unlearn.partition.rows import NEVER, Members, deaths
from unlearn.storage.slice_files import decode_slice, encode_slice
from unlearn_models.base.encoding import encode_arrays


def test_a_file_holds_the_rows_as_they_were() -> None:
    rows = members((3, ANN), (5, b""))

    back = decode_slice(encode_slice(10, 12, rows))

    for name in ("slots", "records", "subjects", "revisions"):
        assert np.array_equal(getattr(back, name), getattr(rows, name))
    assert back.rows.values.tobytes() == rows.rows.values.tobytes()
    assert encode_slice(10, 12, back) == encode_slice(10, 12, rows)


@pytest.mark.parametrize(
    "data", [b"", b"junk", encode_arrays({"kind": "state"}, {}), encode_slice(1, 1, members())[:-1]]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ArtefactInvalid):
        decode_slice(data)


def test_holes_and_clean_ups_say_who_is_dead() -> None:
    rows = members((3, ANN), (4, BOB), (5, b""), (6, ANN))

    found, covered = deaths(rows, {5: 20, 9: 21}, {ANN: 30})

    assert found.tolist() == [30, NEVER, 20, 30]
    assert covered.tolist() == [True, False, False, True]


def test_a_hole_came_before_the_clean_up() -> None:
    found, covered = deaths(members((3, ANN)), {3: 20}, {ANN: 30})

    assert (found.tolist(), covered.tolist()) == ([20], [False])


def test_an_empty_slice_has_no_deaths() -> None:
    found, covered = deaths(Members.empty(), {3: 20}, {ANN: 30})

    assert (len(found), len(covered)) == (0, 0)


def open_rows() -> OpenRows:
    """Slots 3 (shard 0), 4 and 7 (shard 1), 12 (shard 0); 4 is dead."""
    rows = OpenRows()
    rows.add(np.array([0, 1], np.int32), members((3, ANN), (4, BOB)))
    rows.add(np.array([1, 0], np.int32), members((7, BOB), (12, ANN)))
    rows.kill([4, 1])
    return rows


def slots(cut: dict[int, Members]) -> dict[int, list[int]]:
    return {shard: rows.slots.tolist() for shard, rows in cut.items()}


def test_a_cut_takes_the_living_below_the_end() -> None:
    assert slots(open_rows().select(10)) == {0: [3], 1: [7]}
    assert slots(open_rows().select(7)) == {0: [3]}
    assert slots(open_rows().select(13)) == {0: [3, 12], 1: [7]}


def test_open_rows_of_a_registered_slice_are_dropped() -> None:
    rows = open_rows()

    rows.drop(7)

    assert len(rows) == 2
    assert slots(rows.select(99)) == {0: [12], 1: [7]}
