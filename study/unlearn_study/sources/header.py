"""Whether a file's first line names its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unlearn_study.sources.lines import Source
from unlearn_study.sources.names import LABELS, SUBJECTS, TEXTS, guess
from unlearn_study.sources.numbers import MISSING, is_number
from unlearn_study.sources.records import Records

__all__ = ["check_first", "is_header", "is_usual_spam", "place"]


def is_header(source: Source, rows: Sequence[Sequence[str]], given: Sequence[str]) -> bool:
    """A name is known there, or numbers start below it, and no cell of it comes again in its column."""
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
    """The SMS spam collection as it goes round as CSV: label, text, and columns without names."""
    return [name.lower() for name in header if name] == ["v1", "v2"]


def _numbers_start(first: Sequence[str], columns: Sequence[set[str]]) -> bool:
    known = (column - MISSING for cell, column in zip(first, columns, strict=True) if cell not in MISSING)
    return any(column and all(map(is_number, column)) for column in known)


def place(source: Source, given: str | None, header: Sequence[str], width: int, known: Sequence[str]) -> int | None:
    """The column of this name or number, else of a known name.  Raises BadData where there is none, or several."""
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
    """For files that nothing tells of a line of names, with one or not.

    Raises BadData where the first record's label is nobody else's, while all others come again.
    """
    counts = Counter(records.labels[1:])
    if counts and records.labels[0] not in counts and len(counts) > 1 and min(counts.values()) > 1:
        raise source.refused(
            1,
            "its label is no other line's; say whether it names the columns, with --header, "
            "or is a record, with --no-header",
        )
