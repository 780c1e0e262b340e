"""CSV becomes lines of events: a column for each field, and nothing but fields of events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from unlearn.admin.input.csv_rows import Row, column_of, row_chunks
from unlearn.admin.input.numbered_lines import BadLine, NumberedLines
from unlearn.errors import InputInvalid
from unlearn.events.event import Delete, Insert, Seal

__all__ = ["FIELDS", "csv_lines", "is_csv"]

FIELDS: Final = tuple(dict.fromkeys(chain(Insert.model_fields, Delete.model_fields, Seal.model_fields)))
"""The names that columns may have."""
_NAMING = frozenset(("record_id", "subject_id", "alias"))
_JSON = ("features", "aliases")
"""Columns whose fields hold JSON."""
_NAMES = re.compile(r"(.*\.)?csv(\.[a-z0-9]+)?", re.IGNORECASE)
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def is_csv(name: str, chunk: list[bytes]) -> bool:
    """Whether a file of this name, whose first lines these are, is CSV: by its name, or by a first line that names the
    column of an id."""
    if _NAMES.fullmatch(name):
        return True
    rows = next(row_chunks([chunk[:1]], strict=True), [])
    return bool(rows and _NAMING.intersection(rows[0].fields))


def csv_lines(chunks: Iterable[list[bytes]]) -> Iterator[NumberedLines]:
    """The JSON of each row, by the names in the first. An empty field is left out; `features` and `aliases` hold JSON.

    What the fields hold is for the parser to judge. Raises InputInvalid for a first row that isn't one of the names of
    fields, `type` among them.
    """
    rows = row_chunks(chunks, strict=True)
    first = next(rows, [])
    names = _names(first[0]) if first else []
    for found in chain([first[1:]], rows):
        if found:
            yield NumberedLines([row.first for row in found], [_line(names, row) for row in found])


def _names(row: Row) -> list[str]:
    unknown = [name for name in row.fields if name not in FIELDS]
    if row.error:
        raise InputInvalid(f"line 1: {row.error}")
    if unknown:
        raise InputInvalid(
            f"line 1: no field of an event, or none by this spelling: {', '.join(unknown)}; there are: "
            f"{', '.join(FIELDS)}. Leave out other columns: they would stand in the log"
        )
    if twice := sorted({name for name in row.fields if column_of(row.fields, name) is None}):
        raise InputInvalid(f"line 1: named twice: {', '.join(twice)}")
    if "type" not in row.fields:
        raise InputInvalid("line 1: there is no column type; it says insert or delete")
    return row.fields


def _line(names: Sequence[str], row: Row) -> bytes | BadLine:
    until = f" (the row ends on line {row.last})" if row.last > row.first else ""
    if row.error:
        return BadLine(row.error + until)
    if len(row.fields) != len(names):
        return BadLine(f"{len(row.fields)} fields, and the first line names {len(names)}{until}")
    event: dict[str, Any] = {}
    for name, field in zip(names, row.fields, strict=True):
        try:
            event |= {name: _value(name, field)} if field else {}
        except (ValueError, RecursionError):
            return BadLine(f"{name}: not JSON, or a key is there twice" + until)
    try:
        return json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return BadLine("not UTF-8" + until)
    except RecursionError:
        return BadLine("nested too deeply" + until)


def _value(name: str, field: str) -> Any:
    if name in _JSON:
        return json.loads(field, object_pairs_hook=_once)
    return int(field) if name == "revision" and _WHOLE.fullmatch(field) else field


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError
    return found
