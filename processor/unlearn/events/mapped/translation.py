"""A message of a mapping as our own JSON event, or why it is none. Pure: the same record gives the same, always.

What it gives is then judged as any event of ours (`parsing`); what is neither stays open there.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from unlearn.events.event import NOT_OF_LIFTS, Lift
from unlearn.events.mapped.fields import FieldPaths
from unlearn.events.mapped.message import At, Message
from unlearn.events.mapped.unexplained import missed_field, tells_deletion
from unlearn.events.mapped.words import UNKNOWN_WORD, Kind, kind_of, word_of
from unlearn.events.possible_deletions.other_words import IN_A_FIELD
from unlearn.mapping.mapping import DeletionPaths, Form, InsertPaths, Mapping, TombstonePaths
from unlearn.mapping.paths import PLACE, TIME, read_path

__all__ = ["NO_KEY", "NO_ROW", "TOMBSTONE", "TWO_FORMS", "Translated", "Translator"]

TOMBSTONE: Final = "no value under a key, which may say that what the key names is deleted"
NO_KEY: Final = "no value, and a key in which the mapping finds no id"
TWO_FORMS: Final = "two forms of the mapping fit it"
NO_ROW: Final = "an insert without a row"
_TWICE: Final = "a key is there twice"


class Translated(NamedTuple):
    """What a message says in our words.

    `kind`: what its type's word means, empty where that isn't known. `json`: our event, as far as its fields can be
    told; None where nothing can. `reason`: why it is no event; empty if it may be one. `may_delete`: whether it says
    deletion beside its word, or has no row, so that it can't be refused for good.
    """

    kind: Kind
    json: bytes | None
    reason: str = ""
    may_delete: bool = False


class _Form:
    """A form of a mapping, with its paths read."""

    def __init__(self, form: Form, mapping: Mapping) -> None:
        self.form = form
        self.when = [read_path(text) for text in form.when]
        self.unless = [read_path(text) for text in form.unless]
        self.type = [read_path(text) for text in form.type]
        self.row = read_path(form.row)
        self.passed: list[At] = [
            tuple(step for step in read_path(text).steps if isinstance(step, str)) for text in form.passed
        ]
        told_of_lifts = {*Lift.model_fields, *(NOT_OF_LIFTS if mapping.lifts_checked else ())}
        self.paths = {
            "insert": _fields("insert", form.insert, form.row, mapping),
            "delete": _fields("delete", form.delete, form.gone, mapping),
            "lift": [one for one in _fields("lift", form.delete, form.gone, mapping) if one.name in told_of_lifts],
        }

    def fits(self, message: Message) -> bool:
        """Whether the message has this form."""
        if any(message.find(path) for path in self.unless):
            return False
        if self.when:
            return all(message.find(path) for path in self.when)
        return any(message.find(path) for path in self.type)

    def has_row(self, message: Message) -> bool:
        """Whether there is an object with members where the form says that inserts have their content."""
        return not self.row.steps or any(isinstance(row, dict) and row for row in message.find(self.row))


class Translator:
    """Translates by one mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._forms = [_Form(form, mapping) for form in mapping.forms]
        self._tombstone = _tombstone_fields(mapping)

    def translate(self, message: Message) -> Translated | None:
        """What the message says; None where it has no form of the mapping."""
        forms = [form for form in self._forms if form.fits(message)]
        if not forms:
            return None
        if len(forms) > 1:
            return Translated("", None, TWO_FORMS)
        if message.held is not None and message.held.repeats:
            return Translated("", None, _TWICE)
        message.used.clear()
        message.used_headers.clear()
        return self._by(forms[0], message)

    def tombstone(self, message: Message) -> Translated:
        """The deletion of what the key of a message without value names."""
        ours, reason = self._ours("delete", self._tombstone, message)
        if not reason and "record_id" not in ours and "subject_id" not in ours:
            reason = NO_KEY
        return Translated("delete", _encoded(ours), reason)

    def _by(self, form: _Form, message: Message) -> Translated:
        word, reason = word_of(value for path in form.type for value in message.find(path))
        kind = kind_of(word, form.form.words) if not reason else ""
        if not kind:
            # Whoever asked for something that isn't understood can be told so, if the request has a name of its own.
            ours, _ = self._ours(kind, [f for f in form.paths["delete"] if f.name == "event_id"], message)
            named = not str(ours.get("event_id", "place:")).startswith("place:")
            return Translated(kind, _encoded(ours) if named else None, reason or UNKNOWN_WORD)
        ours, reason = self._ours(kind, form.paths[kind], message)
        if kind == "insert":
            lacking = next((name for name in form.form.needs if name not in ours), "")
            reason = reason or (f"{lacking}: is missing, and the mapping needs it" if lacking else "")
        if not reason and (field := self._missed(form, message, ours)):
            reason = f"unknown field that looks like {field}"
        if kind in IN_A_FIELD and tells_deletion(message, form.passed):
            return Translated(kind, _encoded(ours), IN_A_FIELD[kind], may_delete=True)
        if kind == "insert" and not form.has_row(message):
            return Translated(kind, _encoded(ours), NO_ROW, may_delete=True)
        return Translated(kind, _encoded(ours), reason)

    def _missed(self, form: _Form, message: Message, ours: dict[str, Any]) -> str:
        """The field that an unknown one looks like, of those that the form knows; empty where there is none."""
        known = [field.name for field in form.paths[ours["type"]]]
        missed = missed_field(message, ours, known, form.passed)
        if missed or ours["type"] != "lift" or not self.mapping.lifts_checked:
            return missed
        not_of_lifts = [name for name in NOT_OF_LIFTS if name in known]
        return missed_field(message, ours | {"type": "delete"}, not_of_lifts, form.passed)

    def _ours(self, kind: str, fields: list[FieldPaths], message: Message) -> tuple[dict[str, Any], str]:
        """(the event of this kind as far as it can be told, the first reason why a field can't be)."""
        ours: dict[str, Any] = {"type": kind}
        first = ""
        for field in fields:
            value, reason = field.find(message)
            if value is not None:
                ours[field.name] = value
            first = first or reason
        return ours, first


def _fields(
    kind: str, paths: InsertPaths | DeletionPaths | TombstonePaths, row: str, mapping: Mapping
) -> list[FieldPaths]:
    numeric = mapping.numeric_ids
    return [FieldPaths(kind, name, paths.of(name), row, numeric_ids=numeric) for name in paths.named()]


def _tombstone_fields(mapping: Mapping) -> list[FieldPaths]:
    made = [
        FieldPaths("tombstone", name, (path,), "value") for name, path in (("event_id", PLACE), ("requested_at", TIME))
    ]
    return [*made, *_fields("tombstone", mapping.tombstone, "key", mapping)]


def _encoded(ours: dict[str, Any]) -> bytes:
    return json.dumps(ours, separators=(",", ":")).encode()
