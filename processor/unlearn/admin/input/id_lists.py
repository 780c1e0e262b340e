"""Lists of ids: one a line, or a column of a CSV file; plain, gzip or zstd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from unlearn.admin.input.csv_rows import Row, column_of, decoded, row_chunks
from unlearn.admin.input.lines import read_chunks, read_lines
from unlearn.errors import InputInvalid
from unlearn.events.event import MAX_ID

__all__ = ["check_id", "read_column", "read_whole_lines"]

_SEPARATORS = ",;\t"


def check_id(given: str, what: str) -> None:
    """Raise InputInvalid unless the text can be an id. `what` names it in the error, which doesn't quote it."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InputInvalid(f"{what} is not UTF-8") from None
    if not 1 <= len(given) <= MAX_ID:
        raise InputInvalid(f"{what} has {len(given)} characters; an id has 1 to {MAX_ID}")


def read_whole_lines(source: BinaryIO, *, separators: bool) -> Iterator[str]:
    """The ids, one a line as it stands; empty lines are passed over.

    Raises InputInvalid for a line that can't be an id, and, unless `separators` may stand in ids, for a first line
    that looks like one of a CSV file.
    """
    for number, line in enumerate(_texts(source), 1):
        if not line:
            continue
        if number == 1 and not separators and any(mark in line for mark in _SEPARATORS):
            raise InputInvalid("line 1 looks like CSV: name the column of the ids, or say that lines are whole ids")
        check_id(line, f"line {number}")
        yield line


def read_column(source: BinaryIO, column: str) -> Iterator[str]:
    """The ids in a column of a CSV file with commas: by its name in the first line, or by its number, from 1 on, where
    the first line is none of names. Empty fields are passed over.

    Raises InputInvalid for a column that isn't there, and for a field that can't be an id.
    """
    rows = (row for chunk in row_chunks(read_chunks(source), strict=False) for row in chunk)
    at = int(column) - 1 if column.isdecimal() and int(column) else _place(next(rows, None), column)
    for row in rows:
        if row.error:
            raise InputInvalid(f"line {row.first}: {row.error}")
        if at >= len(row.fields):
            raise InputInvalid(f"line {row.first} has {len(row.fields)} columns")
        if row.fields[at]:
            check_id(row.fields[at], f"line {row.first}")
            yield row.fields[at]


def _place(row: Row | None, name: str) -> int:
    names = [] if row is None else row.fields
    place = column_of(names, name)
    if place is None:
        there = ", ".join(names) if names else "none"
        raise InputInvalid(f"the first line names no column {name!r}, or names it twice; there are: {there}")
    return place


def _texts(source: BinaryIO) -> Iterator[str]:
    """The lines without their ends. Bytes that are no UTF-8 become letters that no id may hold."""
    return (decoded(line, number).rstrip("\r\n") for number, line in enumerate(read_lines(source), 1))
