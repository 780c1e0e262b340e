"""JSON objects with a text and a label; this project's own events are among the known shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from unlearn_study.errors import BadData
from unlearn_study.sources.files.form import AS_FOUND, Form
from unlearn_study.sources.files.lines import Source
from unlearn_study.sources.files.objects import Item, field_at, read_objects
from unlearn_study.sources.names import LABELS, SUBJECTS, TEXTS, Names, guess
from unlearn_study.sources.numbers import UNKNOWN
from unlearn_study.sources.records import Records
from unlearn_study.sources.tweets import CUT, Tweet, author_of, text_of

__all__ = ["read_json_lines"]

_LOOKED_AT = 100
_EVENTS = ("delete", "seal")


class _Wrong(Exception):
    """A field's content can't be read; the text says which field."""


def read_json_lines(path: Path, names: Names, most: int | None, form: Form = AS_FOUND) -> Records:
    """The first `most` records (None: all) that have a text and a label; delete and seal events are skipped.

    Raises BadData.
    """
    source = Source(path, form)
    records = Records(path.name, texts=[], left_out=source.left_out)
    objects = read_objects(source)
    first = list(islice(objects, _LOOKED_AT))
    if not first:
        raise BadData(f"{path}: the file holds no JSON object")
    reading = _Reading(path, names, [item for _, item in first])
    for text, label, subject in islice(_read(source, chain(first, objects), reading), most):
        assert records.texts is not None
        records.texts.append(text)
        records.labels.append(label)
        records.subjects.append(subject)
    reading.say(records)
    return records


class _Reading:
    """Which fields are read, and what there is to say about how they were read."""

    def __init__(self, path: Path, names: Names, items: list[dict[str, Any]]) -> None:
        fields = sorted({key for item in items for key in item})
        self.text = _known(path, "text", names.text, fields, items, TEXTS)
        self.label = _known(path, "label", names.label, fields, items, LABELS)
        self.subject = names.subject
        if names.subject is not None:
            _known(path, "subject", names.subject, fields, items, ())
        self._as_tweets = names.text is None and self.text in ("text", "full_text")
        self.cut = 0
        self.whose: Counter[str] = Counter()

    def words(self, item: Mapping[str, Any]) -> str | None:
        """The text, or None where there is none.  Raises _Wrong."""
        found = field_at(item, self.text)
        if self._as_tweets and isinstance(found if found is not None else "", str):
            whole, cut = text_of(Tweet(0, item))
            self.cut += cut
            found = whole if whole is not None else found
        if found is not None and not isinstance(found, str):
            raise _Wrong(f"{self.text} is no text")
        return found or None

    def who(self, item: Mapping[str, Any]) -> str | None:
        """The subject, or None where there is none.  Raises _Wrong."""
        if self.subject is not None:
            return _value(item, self.subject)
        field = next((name for name in SUBJECTS if field_at(item, name) not in (None, "")), None)
        if field is None:
            return None
        # Of an author's several names the same one is taken whatever the shape.
        author, place = author_of(item) if field != "subject_id" else (None, None)
        self.whose[place or field] += 1
        return author if author is not None else _value(item, field)

    def say(self, records: Records) -> None:
        records.said.append(f"text: field {self.text}, label: field {self.label}")
        if self.cut:
            records.said.append(f"{self.cut:,} {CUT}")
        found = ", ".join(f"{name} ({count:,})" for name, count in sorted(self.whose.items()))
        guessed = f"field {found}" if found else "no field (--subject-column)"
        records.say_of_subjects(f"field {self.subject}" if self.subject else guessed)


def _known(
    path: Path, what: str, given: str | None, fields: list[str], items: list[dict[str, Any]], known: tuple[str, ...]
) -> str:
    found = given or guess(fields, known)
    if found is None:
        raise BadData(f"{path}: no field looks like the {what}; name it with --{what}-column")
    if not any(found in item or field_at(item, found) is not None for item in items):
        raise BadData(f"{path}: none of the first {_LOOKED_AT} lines has a field {found!r}")
    return found


def _read(source: Source, objects: Iterable[Item], reading: _Reading) -> Iterator[tuple[str, str, str | None]]:
    for number, item in objects:
        if item.get("type") in _EVENTS and "type" not in (reading.label, reading.text):
            source.left_out["no insert"] += 1
            continue
        try:
            label = _value(item, reading.label)
            if label is None or label in UNKNOWN or label in source.form.missing:
                source.left_out["no label"] += 1
                continue
            text, subject = reading.words(item), reading.who(item)
        except _Wrong as error:
            source.bad(number, str(error))
            continue
        if text is None:
            source.left_out["no text"] += 1
        else:
            yield text, label, subject


def _value(item: Mapping[str, Any], name: str) -> str | None:
    """A text or number as text; of an object, such as a tweet's user, its id; None if missing.  Raises _Wrong."""
    found = field_at(item, name)
    if isinstance(found, Mapping):
        author, _ = author_of({"user": found})
        found = author
    if found is not None and not isinstance(found, str | int | float):
        raise _Wrong(f"{name} is neither text nor number")
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return None if found is None else str(found)
