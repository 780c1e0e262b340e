"""Which ids a file of them holds, and that nothing but an id is taken for one."""

from __future__ import annotations

import gzip
import io

import pytest

from unlearn.admin.input.id_lists import read_column, read_whole_lines
from unlearn.errors import InputInvalid


def lines(data: bytes, *, separators: bool = False) -> list[str]:
    return list(read_whole_lines(io.BytesIO(data), separators=separators))


def column(data: bytes, name: str) -> list[str]:
    return list(read_column(io.BytesIO(data), name))


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b"ann\nbob\n", ["ann", "bob"]),
        (b"ann\r\n\r\n bob ", ["ann", " bob "]),
        (b"\xef\xbb\xbfann", ["ann"]),
        (gzip.compress("\u00fc\nb".encode(), mtime=0), ["\u00fc", "b"]),
        (b"ann\nbob,1\n", ["ann", "bob,1"]),
        (b"", []),
    ],
)
def test_a_line_is_an_id_as_it_stands(data: bytes, ids: list[str]) -> None:
    assert lines(data) == ids


@pytest.mark.parametrize("data", [b"ID,Hash\n1,x\n", b"ID;Hash\n", b"ID\tHash\n"])
def test_what_looks_like_csv_is_not_taken_for_ids(data: bytes) -> None:
    with pytest.raises(InputInvalid, match="column"):
        lines(data)
    assert lines(data, separators=True) == data.decode().splitlines()


@pytest.mark.parametrize(
    ("data", "named"),
    [(b"ann\n" + b"x" * 257, "line 2 has 257 characters"), (b"\xff", "line 1 is not UTF-8")],
)
def test_what_can_be_no_id_is_named_by_its_line_and_not_quoted(data: bytes, named: str) -> None:
    with pytest.raises(InputInvalid, match=named):
        lines(data)


@pytest.mark.parametrize(
    ("name", "ids"), [("ID", ["1", 'a"b', "3\n4"]), ("Hash", ["x", "y", "z"]), ("2", ["Hash", "x", "y", "z"])]
)
def test_a_column_is_found_by_name_or_number(name: str, ids: list[str]) -> None:
    assert column(b'\xef\xbb\xbfID,Hash\r\n1,x\n"a""b",y\n\n"3\n4",z\n', name) == ids


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"ID\n1\n" + b"x" * 200_000, "line 3 has 200000 characters"),
        (b"ID\n1\n" + b"x" * 2_000_000, "line 3: (not CSV: field larger|more than 1000000 bytes)"),
        (b'ID\n"' + b"x\n" * 2_000_000, "line 2: not CSV: field larger"),
    ],
)
def test_fields_too_large_for_any_id_are_named_by_their_line(data: bytes, named: str) -> None:
    with pytest.raises(InputInvalid, match=named):
        column(data, "ID")


def test_empty_fields_are_passed_over() -> None:
    assert column(b"ID,Hash\n,x\n2,y\n", "ID") == ["2"]


@pytest.mark.parametrize(
    ("data", "name", "named"),
    [
        (b"ID,Hash\n", "id", "there are: ID, Hash"),
        (b"ID,ID\n", "ID", "twice"),
        (b"", "ID", "none"),
        (b"ID,Hash\n1,x\n2\n", "Hash", "line 3 has 1 columns"),
        (b"ID\n" + b"x" * 300, "ID", "line 2 has 300 characters"),
        (b"ID\n1\n", "3", "line 1 has 1 columns"),
    ],
)
def test_a_column_that_is_not_there_is_named(data: bytes, name: str, named: str) -> None:
    with pytest.raises(InputInvalid, match=named):
        column(data, name)
