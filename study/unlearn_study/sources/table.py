"""Files of rows of cells: texts with labels, or tables; with or without a line that names the columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from unlearn_study.errors import BadData
from unlearn_study.sources.files.form import AS_FOUND, Form
from unlearn_study.sources.files.lines import Source
from unlearn_study.sources.files.rows import Line, read_rows, separator_name
from unlearn_study.sources.header import check_first, is_header, is_usual_spam, place
from unlearn_study.sources.names import LABELS, SUBJECTS, TEXTS, Names
from unlearn_study.sources.numbers import MISSING, UNKNOWN, is_number, plain_number
from unlearn_study.sources.records import Records

__all__ = ["read_table"]

_LOOKED_AT = 1000
_USUAL_SPAM = Names(text="v2", label="v1")


@dataclass(frozen=True, slots=True)
class _Layout:
    """header: the names, empty if line 1 has none; text, label, subject: indexes of columns from 0."""

    header: list[str]
    width: int
    separator: str
    text: int | None
    label: int
    subject: int | None

    def title(self, at: int) -> str:
        name = self.header[at] if self.header else ""
        return f"{at + 1} ({name})" if name else str(at + 1)

    def apart(self) -> set[int]:
        return {at for at in (self.text, self.label, self.subject) if at is not None}


def read_table(path: Path, names: Names, most: int | None, form: Form = AS_FOUND) -> Records:
    """The first `most` records (None: all) that have a label and, if there is a text column, a text.

    The label is the last column unless one is named or known.  Without a text column, all other columns are the table.
    Raises BadData.
    """
    source = Source(path, form)
    rows = read_rows(source)
    first = list(islice(rows.lines, _LOOKED_AT))
    if not first:
        raise BadData(f"{path}: the file is empty")
    header = first.pop(0)[1] if is_header(source, [cells for _, cells in first], names.given()) else []
    layout = _layout(source, names, header, len(first[0][1]) if not header and first else len(header), rows.separator)
    records = Records(path.name, left_out=source.left_out)
    records.texts, records.table = ([], None) if layout.text is not None else (None, [])
    decided = (
        form.header is not None or bool(header) or any(is_number(cell) for _, cells in first[:1] for cell in cells)
    )
    for cells in islice(_labelled(source, chain(first, rows.lines), layout), most):
        _add(records, cells, layout)
    if records.labels and not decided:
        check_first(source, records)
    _say(records, layout)
    _drop_empty(records, layout)
    return records


def _layout(source: Source, names: Names, header: list[str], width: int, separator: str) -> _Layout:
    if is_usual_spam(header):
        names = Names(names.text or _USUAL_SPAM.text, names.label or _USUAL_SPAM.label, names.subject)
    label = place(source, names.label, header, width, LABELS)
    found = _Layout(
        header,
        width,
        separator,
        place(source, names.text, header, width, TEXTS),
        width - 1 if label is None else label,
        place(source, names.subject, header, width, SUBJECTS),
    )
    used = sum(at is not None for at in (found.text, found.label, found.subject))
    if len(found.apart()) < used:
        raise source.refused(1, "one column can't be two of text, label and subject; name them")
    if found.text is None and width == used:
        raise source.refused(1, "no column is left to learn from; what parts them can be named with --separator")
    return found


def _labelled(source: Source, lines: Iterable[Line], layout: _Layout) -> Iterator[list[str]]:
    for number, row in lines:
        cells = _fitted(row, layout)
        if cells is None:
            source.bad(number, f"{len(row)} columns, where line 1 has {layout.width}", "a wrong number of columns")
        elif cells == layout.header:
            source.left_out["names of the columns again"] += 1
        elif cells[layout.label] in UNKNOWN or cells[layout.label] in source.form.missing:
            source.left_out["no label"] += 1
        elif layout.text is not None and not cells[layout.text]:
            source.left_out["no text"] += 1
        else:
            yield [_plain(cell, source, layout) for cell in cells] if layout.text is None else cells


def _fitted(cells: list[str], layout: _Layout) -> list[str] | None:
    """The row's cells made `width` long; None if named cells are missing, or there are more cells that aren't empty."""
    extra = cells[layout.width :]
    unnamed = bool(layout.header) and not any(layout.header[len(cells) :])
    if any(extra) or (len(cells) < layout.width and not unnamed):
        return None
    return cells[: layout.width] + [""] * (layout.width - len(cells))


def _plain(cell: str, source: Source, layout: _Layout) -> str:
    return "?" if cell in source.form.missing else plain_number(cell, layout.separator)


def _add(records: Records, cells: Sequence[str], layout: _Layout) -> None:
    records.labels.append(cells[layout.label])
    whose = "" if layout.subject is None else cells[layout.subject]
    records.subjects.append(None if whose in UNKNOWN else whose)
    if records.texts is not None and layout.text is not None:
        records.texts.append(cells[layout.text])
    elif records.table is not None:
        apart = layout.apart()
        records.table.append([cell for at, cell in enumerate(cells) if at not in apart])


def _say(records: Records, layout: _Layout) -> None:
    named = "line 1 names them" if layout.header else "no line names them"
    records.said.append(f"columns are parted by {separator_name(layout.separator)}; {named}")
    rest = [layout.title(at) for at in range(layout.width) if at not in layout.apart()]
    if layout.text is None:
        records.said.append(f"label: column {layout.title(layout.label)}")
        records.titles = rest
    else:
        records.said.append(f"text: column {layout.title(layout.text)}, label: column {layout.title(layout.label)}")
        if rest:
            records.said.append(f"columns not read: {', '.join(rest)}")
    where = "no column (--subject-column)" if layout.subject is None else f"column {layout.title(layout.subject)}"
    records.say_of_subjects(where)


def _drop_empty(records: Records, layout: _Layout) -> None:
    """Remove the columns that have neither a name nor a value."""
    unnamed = [at for at, title in enumerate(records.titles) if layout.header and "(" not in title]
    empty = {at for at in unnamed if all(row[at] in MISSING for row in records.table or ())}
    if empty and records.table:
        records.table = [[cell for at, cell in enumerate(row) if at not in empty] for row in records.table]
        records.said.append(f"empty columns left out: {', '.join(records.titles[at] for at in sorted(empty))}")
        records.titles = [title for at, title in enumerate(records.titles) if at not in empty]
