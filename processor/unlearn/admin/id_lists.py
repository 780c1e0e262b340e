"""Lists of ids: one a line, or a column of a CSV file; plain or gzip."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from unlearn.admin.lines import read_lines
from unlearn.errors import InputInvalid
from unlearn.events.event import MAX_ID

__all__ = ["check_id", "read_column", "read_whole_lines"]

_MARK = "\ufeff"
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
    rows = csv.reader(f"{line}\n" for line in _texts(source))
    at = int(column) - 1 if column.isdecimal() and int(column) else _place(rows, column)
    for row in rows:
        if not row:
            continue
        if at >= len(row):
            raise InputInvalid(f"line {rows.line_num} has {len(row)} columns")
        if row[at]:
            check_id(row[at], f"line {rows.line_num}")
            yield row[at]


def _place(rows: Iterable[list[str]], name: str) -> int:
    names = next(iter(rows), [])
    if names.count(name) != 1:
        there = ", ".join(names) if names else "none"
        raise InputInvalid(f"the first line names no column {name!r}, or names it twice; there are: {there}")
    return names.index(name)


def _texts(source: BinaryIO) -> Iterator[str]:
    """The lines without their ends. Bytes that are no UTF-8 become letters that no id may hold."""
    for number, line in enumerate(read_lines(source)):
        text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        yield text.removeprefix(_MARK) if number == 0 else text
