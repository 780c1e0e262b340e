"""CSV files: texts with labels, or the columns of a table; with a line of names or without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from study.errors import BadData
from study.sources.lines import bad, read_csv
from study.sources.names import LABELS, SUBJECTS, TEXTS, Names, guess
from study.sources.records import Records

Line = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class _Places:
    text: int | None
    label: int
    subject: int | None


def read_table(path: Path, names: Names, most: int | None) -> Records:
    """The first `most` records that have a label.

    Without a text column the others are a table's; the label is the last column unless named.  Raises BadData.
    """
    lines = read_csv(path)
    head = list(islice(lines, 2))
    if not head:
        raise BadData(f"{path}: the file is empty")
    width = len(head[0][1])
    header = head.pop(0)[1] if _is_header(head, names) else []
    places = _places(path, names, header, width)
    records = Records(path.name, texts=[]) if places.text is not None else Records(path.name, table=[])
    for number, cells in islice(_labelled(path, chain(head, lines), width, places, records), most):
        _add(records, number, cells, places)
    return records


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_header(head: list[Line], names: Names) -> bool:
    """Whether the first line names the columns: a name is known there, or numbers start below it."""
    first = head[0][1]
    if any(map(is_number, first)) or len(set(first)) < len(first):
        return False
    named = guess(first, (*(name.lower() for name in names.given()), *TEXTS, *LABELS, *SUBJECTS))
    return named is not None or any(is_number(cell) for _, row in head[1:] for cell in row)


def _places(path: Path, names: Names, header: list[str], width: int) -> _Places:
    label = _place(path, names.label, header, width, LABELS)
    text = _place(path, names.text, header, width, TEXTS)
    subject = _place(path, names.subject, header, width, SUBJECTS)
    found = _Places(text, width - 1 if label is None else label, subject)
    used = [at for at in (found.text, found.label, found.subject) if at is not None]
    if len(set(used)) < len(used):
        raise BadData(f"{path}, line 1: one column can't be two of text, label and subject; name them")
    if found.text is None and width == len(used):
        raise BadData(f"{path}, line 1: no column is left to learn from")
    return found


def _place(path: Path, given: str | None, header: list[str], width: int, known: Iterable[str]) -> int | None:
    if given is None:
        name = guess(header, tuple(known))
        return None if name is None else header.index(name)
    if given in header:
        return header.index(given)
    if given.isdecimal() and 1 <= int(given) <= width:
        return int(given) - 1
    raise BadData(f"{path}, line 1: there is no column {given!r} among its {width}")


def _labelled(path: Path, lines: Iterable[Line], width: int, places: _Places, records: Records) -> Iterator[Line]:
    for number, cells in lines:
        if len(cells) != width:
            bad(path, number, f"{len(cells)} columns, where line 1 has {width}")
        if cells[places.label] in ("", "?"):
            records.left_out["no label"] += 1
        else:
            yield number, cells


def _add(records: Records, number: int, cells: list[str], places: _Places) -> None:
    records.labels.append(cells[places.label])
    records.subjects.append(None if places.subject is None else cells[places.subject] or None)
    if records.texts is not None and places.text is not None:
        records.texts.append(cells[places.text])
    elif records.table is not None:
        apart = (places.label, places.subject)
        records.table.append([cell for at, cell in enumerate(cells) if at not in apart])
