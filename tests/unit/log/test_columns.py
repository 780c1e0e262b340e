"""Columns hold what the records hold, in slices and joined too."""

from __future__ import annotations

import pytest

from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.protocol import Entry

RECORDS = [
    Entry(2, 5, 1_700_000_000_000, b"key", b"value", (), 7),
    Entry(2, 6, -1, None, None, (("h", None),)),
    Entry(2, 9, 0, b"", b"", (("h", b"1"), ("h", b"2"), ("h", None), ("", b""), ("é\U0001f600", b"\x00\xff" * 200))),
    Entry(2, 10, 2**63 - 1, None, b"v" * 1000, (("x" * 300, b"y"),), 2**31 - 1),
    Entry(2, 2**63 - 1, 3, b"\xff" * 70, None),
    Entry(2, 2**63 - 1, 3, b"\xff", None, tuple((f"n{i}", b"%d" % i) for i in range(200))),
]


def test_the_records_are_those_they_were_made_of() -> None:
    columns = columns_of(2, RECORDS)
    assert list(columns) == RECORDS
    assert [columns[i] for i in range(-6, 6)] == RECORDS * 2
    assert len(columns) == 6
    for beyond in (6, -7):
        with pytest.raises(IndexError):
            columns[beyond]


def test_no_records_are_columns_too() -> None:
    columns = columns_of(2, [])
    assert (len(columns), list(columns), columns.partition) == (0, [], 2)
    assert list(columns[0:3]) == []
    assert columns.keys.shape == (0, 2)


@pytest.mark.parametrize("start", range(-7, 8))
@pytest.mark.parametrize("stop", [*range(-7, 8), None])
def test_a_slice_is_over_the_same_buffer(start: int, stop: int | None) -> None:
    columns = columns_of(2, RECORDS)
    part = columns[start:stop]
    assert isinstance(part, RecordColumns)
    assert list(part) == RECORDS[start:stop]
    assert part.data is columns.data


def test_columns_have_their_shapes_and_types() -> None:
    for columns in (columns_of(2, RECORDS), columns_of(2, []), RecordColumns.concat([columns_of(2, RECORDS)] * 2)):
        n = len(columns)
        numbers = (columns.offsets, columns.timestamps, columns.epochs)
        assert [(array.shape, str(array.dtype)) for array in numbers] == [
            ((n,), "int64"),
            ((n,), "int64"),
            ((n,), "int32"),
        ]
        for spans in (columns.keys, columns.values, columns.headers):
            assert (spans.shape, str(spans.dtype)) == ((n, 2), "int64")
            assert spans.flags.c_contiguous
        assert str(columns.data.dtype) == "uint8"
        assert not columns.data.flags.writeable


def test_joined_columns_hold_the_records_of_all_parts() -> None:
    columns = columns_of(2, RECORDS)
    parts = [columns[3:5], columns[0:0], columns_of(2, RECORDS[1:2]), columns[1:4], columns_of(2, []), columns[2:3]]
    joined = RecordColumns.concat(parts)
    assert list(joined) == [record for part in parts for record in part]
    assert list(RecordColumns.concat([joined, columns])) == [*joined, *RECORDS]
    assert RecordColumns.concat([columns]) is columns
    assert list(RecordColumns.concat([columns_of(2, []), columns_of(2, [])])) == []


def test_joining_copies_no_more_than_the_parts_use() -> None:
    columns = columns_of(2, [RECORDS[0], RECORDS[3], RECORDS[4]])
    assert len(RecordColumns.concat([columns[0:1], columns[2:3]]).data) == len(b"keyvalue") + 70
    nothing = columns_of(2, [Entry(2, 1, 1, None, None), Entry(2, 2, 2, None, None)])
    assert list(RecordColumns.concat([nothing, columns[0:1], nothing])) == [*nothing, RECORDS[0], *nothing]


def test_parts_of_several_partitions_are_not_joined() -> None:
    for parts in ([], [columns_of(1, []), columns_of(2, RECORDS)]):
        with pytest.raises(ValueError, match="partition"):
            RecordColumns.concat(parts)
