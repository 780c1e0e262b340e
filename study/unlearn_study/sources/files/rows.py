"""Files as rows of cells, whatever separates the cells."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from unlearn_study.sources.files.form import SEPARATORS
from unlearn_study.sources.files.lines import Source

__all__ = ["Line", "Rows", "read_rows", "separator_name"]

Line = tuple[int, list[str]]
_LOOKED_AT = 200
_LONGEST_CELL = 10 * 2**20
_FOUND = ("\t", ";", ",", "|")
"""Where several fit equally, the earlier wins: commas come last but one, as numbers and texts hold them too."""
_SAID = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # a spreadsheet's first line


class Rows(NamedTuple):
    """Rows with the number of their last line, and the separator of their cells."""

    lines: Iterator[Line]
    separator: str


def separator_name(separator: str) -> str:
    """The separator's name for people, such as comma; of one without a name its repr."""
    return next((name for name, sign in SEPARATORS.items() if sign == separator), repr(separator))


def read_rows(source: Source) -> Rows:
    """Rows of cells without blanks around them; blank lines are skipped.  Raises BadData, also while reading."""
    lines = source.lines()
    first = list(islice(lines, _LOOKED_AT))
    said = _SAID.fullmatch(first[0][1]) if first else None
    if said:
        del first[0]
    separator = source.form.separator or (said.group(1) if said else _found([line for _, line in first], source))
    every = chain(first, lines)
    quotes = source.form.quotes if source.form.quotes is not None else separator != "\t"
    if separator == " " or not quotes:
        return Rows(_split(every, separator), separator)
    return Rows(_quoted(source, every, separator), separator)


def _found(lines: Sequence[str], source: Source) -> str:
    """The separator that gives most lines the same number of cells, two at least; a comma if none does."""
    best, most = ",", 0.0
    for separator in _FOUND:
        quotes = source.form.quotes if source.form.quotes is not None else separator != "\t"
        share = _alike(
            _cells(lines, separator) if quotes else [line.split(separator) for line in lines if line.strip()]
        )
        if share > most:
            best, most = separator, share
    return best


def _cells(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The rows as far as the lines can be read; the last one may go on behind them."""
    found: list[list[str]] = []
    try:
        found.extend(row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True) if row)
    except csv.Error:
        return found if len(found) > len(lines) // 2 else []
    return found


def _alike(rows: Sequence[Sequence[str]]) -> float:
    widths = Counter(len(row) for row in rows)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return count / len(rows) if width > 1 else 0.0


def _split(lines: Iterable[tuple[int, str]], separator: str) -> Iterator[Line]:
    for number, line in lines:
        if line.strip():
            cells = line.split() if separator == " " else line.rstrip("\r\n").split(separator)
            yield number, [_bare(cell.strip()) for cell in cells]


def _bare(cell: str) -> str:
    """A cell without the quotes that enclose the whole of it."""
    inner = cell[1:-1].replace('""', "")
    whole = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner
    return cell[1:-1].replace('""', '"') if whole else cell


def _quoted(source: Source, lines: Iterable[tuple[int, str]], separator: str) -> Iterator[Line]:
    csv.field_size_limit(_LONGEST_CELL)
    at = 0

    def counted() -> Iterator[str]:
        nonlocal at
        for number, line in lines:
            at = number
            yield line

    reader = csv.reader(counted(), delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.bad(at, f"no CSV: {error}; if its quotes hold nothing together, --no-quotes", "no CSV")
            continue
        if row:
            yield at, [cell.strip() for cell in row]
