"""JSON Lines of texts with labels; this project's own events among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from study.errors import BadData
from study.sources.lines import bad, read_objects
from study.sources.names import LABELS, SUBJECTS, TEXTS, Names, guess
from study.sources.records import Records

_LOOKED_AT = 100


def read_json_lines(path: Path, names: Names, most: int | None) -> Records:
    """The first `most` records that have a label; an event other than an insert is none.  Raises BadData."""
    records = Records(path.name, texts=[])
    objects = read_objects(path)
    first = list(islice(objects, _LOOKED_AT))
    names = _fill(path, names, {key for _, item in first for key in item})
    for number, item in islice(_labelled(chain(first, objects), names, records), most):
        _add(records, path, number, item, names)
    return records


def _fill(path: Path, names: Names, fields: set[str]) -> Names:
    ordered = sorted(fields)
    return Names(
        _known(path, "text", names.text, ordered, TEXTS),
        _known(path, "label", names.label, ordered, LABELS),
        names.subject or guess(ordered, SUBJECTS),
    )


def _known(path: Path, what: str, given: str | None, fields: list[str], known: tuple[str, ...]) -> str:
    found = given or guess(fields, known)
    if found is None:
        raise BadData(f"{path}: no field looks like the {what}; name it with --{what}-column")
    if found not in fields:
        raise BadData(f"{path}: none of the first {_LOOKED_AT} lines has a field {found!r}")
    return found


def _labelled(
    objects: Iterator[tuple[int, dict[str, Any]]], names: Names, records: Records
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, item in objects:
        if item.get("type", "insert") != "insert":
            records.left_out["no insert"] += 1
        elif item.get(names.label or "") is None:
            records.left_out["no label"] += 1
        else:
            yield number, item


def _add(records: Records, path: Path, number: int, item: Mapping[str, Any], names: Names) -> None:
    text = item.get(names.text or "")
    if not isinstance(text, str):
        bad(path, number, f"{names.text} is no text")
    assert records.texts is not None
    records.texts.append(text)
    records.labels.append(_value(path, number, item, names.label) or "")
    records.subjects.append(_value(path, number, item, names.subject))


def _value(path: Path, number: int, item: Mapping[str, Any], name: str | None) -> str | None:
    """A text or number as text; of an object, a tweet's user, its id."""
    found = item.get(name) if name else None
    if isinstance(found, Mapping):
        found = found.get("id_str", found.get("id"))
    if found is not None and not isinstance(found, str | int | float):
        bad(path, number, f"{name} is neither text nor number")
    return None if found is None else str(found)
