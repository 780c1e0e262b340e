"""Rows of CSV with commas, as they come, each with the line on which it begins."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from unlearn.admin.input.lines import MAX_LINE

__all__ = ["Row", "column_of", "decoded", "row_chunks"]

_MARK = "\ufeff"


class Row(NamedTuple):
    """A row that isn't empty: its first and last line, from 1, and its fields; or why it is none.

    Bytes that are no UTF-8 are halves of surrogate pairs in it.
    """

    first: int
    last: int
    fields: list[str]
    error: str = ""


def row_chunks(chunks: Iterable[list[bytes]], *, strict: bool) -> Iterator[list[Row]]:
    """The rows in lines as `read_chunks` gives them; none waits for a later one that isn't begun.

    `strict`: a quote that doesn't belong where it stands makes a row none; else it stands for itself.
    """
    csv.field_size_limit(MAX_LINE)
    lines = _Lines(chunks)
    reader, rows = csv.reader(lines, strict=strict), list[Row]()
    while (row := _next(reader, lines)) is not None:
        if row.fields or row.error:
            rows.append(row)
        if rows and not lines.left:
            yield rows
            rows = []
    if rows:
        yield rows


def column_of(names: list[str], name: str) -> int | None:
    """The place of the only column of this name; None if there is none, or several."""
    return names.index(name) if names.count(name) == 1 else None


def decoded(line: bytes, number: int) -> str:
    """The text of a line; a mark at the file's start is none of it. Bytes that are no UTF-8 become letters that no id
    may hold."""
    text = line.decode("utf-8", "surrogateescape")
    return text.removeprefix(_MARK) if number == 1 else text


class _Lines:
    """The lines' texts, with their ends."""

    def __init__(self, chunks: Iterable[list[bytes]]) -> None:
        self._chunks = iter(chunks)
        self._chunk: Iterator[bytes] = iter(())
        self.left = self.number = 0
        """How many lines of the chunk aren't read yet, and how many of all are."""
        self.cut = False
        """Whether one of those read since this was last False is longer than MAX_LINE, and not whole."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while not self.left:
            chunk = next(self._chunks)
            self._chunk, self.left = iter(chunk), len(chunk)
        self.left, self.number = self.left - 1, self.number + 1
        line = next(self._chunk)
        self.cut = self.cut or len(line) > MAX_LINE
        return decoded(line, self.number)


def _next(reader: Iterator[list[str]], lines: _Lines) -> Row | None:
    first, lines.cut = lines.number + 1, False
    try:
        fields = next(reader)
    except StopIteration:
        return None
    except csv.Error as error:
        return Row(first, lines.number, [], f"not CSV: {error}")
    return Row(first, lines.number, fields, f"more than {MAX_LINE} bytes in a line" if lines.cut else "")
