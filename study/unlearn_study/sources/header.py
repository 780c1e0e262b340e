"""Finds out whether a file's first line names its columns, and which column is which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unlearn_study.sources.files.lines import Source
from unlearn_study.sources.names import LABELS, SUBJECTS, TEXTS, guess
from unlearn_study.sources.numbers import MISSING, is_number
from unlearn_study.sources.records import Records

__all__ = ["check_first", "is_header", "is_usual_spam", "place"]


def is_header(source: Source, rows: Sequence[Sequence[str]], given: Sequence[str]) -> bool:
    """Whether the first row names the columns: as the source's form says, else as it looks.

    It looks so if it holds no number, none of its cells comes again in its column, and it has a known name or a column
    with nothing but numbers below it.
    """
    if source.form.header is not None:
        return source.form.header
    first, below = rows[0], [row for row in rows[1:] if list(row) != list(rows[0])]
    if any(map(is_number, first)):
        return False
    named = [cell for cell in first if cell not in MISSING]
    columns = [{row[at] for row in below if at < len(row)} for at in range(len(first))]
    if any(cell in column for cell, column in zip(first, columns, strict=True) if cell not in MISSING):
        return False
    known = guess(named, (*(name.lower() for name in given), *TEXTS, *LABELS, *SUBJECTS)) is not None
    return known or is_usual_spam(first) or _numbers_start(first, columns)


def is_usual_spam(header: Sequence[str]) -> bool:
    """Whether these are the columns of the SMS spam collection's usual CSV: v1, v2 and columns without names."""
    return [name.lower() for name in header if name] == ["v1", "v2"]


def _numbers_start(first: Sequence[str], columns: Sequence[set[str]]) -> bool:
    known = (column - MISSING for cell, column in zip(first, columns, strict=True) if cell not in MISSING)
    return any(column and all(map(is_number, column)) for column in known)


def place(source: Source, given: str | None, header: Sequence[str], width: int, known: Sequence[str]) -> int | None:
    """The index of the column with the name or number `given`, else of the first known name; None if no name is known.

    Numbers count from 1, indexes from 0.  Raises BadData where there is no column `given`, or several have that name.
    """
    if given is None:
        name = guess([name for name in header if name], known)
    elif given in header:
        name = given
    elif given.isdecimal() and 1 <= int(given) <= width:
        return int(given) - 1
    else:
        name = guess(header, (given.lower(),))
        if name is None:
            raise source.refused(1, f"there is no column {given!r} among its {width}")
    if name is None:
        return None
    if header.count(name) > 1 and given is not None:
        raise source.refused(1, f"{header.count(name)} columns are named {name!r}; say which by its number")
    return list(header).index(name)


def check_first(source: Source, records: Records) -> None:
    """Check a file of which nothing tells whether line 1 names its columns.

    Raises BadData if the first record's label is no other record's, while every other label comes at least twice.
    """
    counts = Counter(records.labels[1:])
    if counts and records.labels[0] not in counts and len(counts) > 1 and min(counts.values()) > 1:
        raise source.refused(
            1,
            "its label is no other line's; say whether it names the columns, with --header, "
            "or is a record, with --no-header",
        )
