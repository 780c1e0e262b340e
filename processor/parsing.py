"""Bytes become an event, an empty offset, a bad insert, or what may be a deletion and can't be read.

The usual message costs one validation and a count of its quotes. Only one that fails there, or may repeat
a key, is decoded a second time and judged by what it holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from pydantic import ValidationError

from processor.events import BadInsert, Delete, Empty, Event, Insert, Parsed, Seal, Unreadable, features_of

# Far below the limits of pydantic and the interpreter: the same bytes are judged the same on any stack.
MAX_DEPTH = 64

_MODELS: dict[object, type[Event]] = {"insert": Insert, "delete": Delete, "seal": Seal}
_READS = {name: model.__pydantic_validator__.validate_json for name, model in _MODELS.items()}
_read_insert, _read_delete = _READS["insert"], _READS["delete"]
_OTHER_FORM = ("tuple_type", "dict_type")
_RULES = {
    "content": "exactly one of text and features is needed",
    "target": "a subject_id or a record_id is needed",
    "value_too_small": "features: a value is too near to zero",
    "finite_number": "must be a finite number",
    "missing": "is missing",
    **dict.fromkeys(_OTHER_FORM, "must be a list of numbers, or an object of numbers by feature"),
    "json_invalid": "half a surrogate pair, or a number too long",
}
_BOUNDS = ("greater_than_equal", "less_than_equal", "string_too_short", "string_too_long")
_TYPES = ("string_type", "int_type", "float_type", "bool_type", "list_type", "value_error")
_SAID = frozenset((*_BOUNDS, *_TYPES))
"""Rules whose message is known to hold nothing of the input."""
_OPENING = re.compile("^(Input|String) should |^Value error, ")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Parser:
    """Reads the events of one model; what its learner couldn't take is refused here.

    `classes`: the labels allowed; None allows any.
    `n_features`: indices of features stay below it; None allows any.
    `counts`: values of features are non-negative integers (naive Bayes).
    """

    def __init__(
        self, classes: Collection[str] | None = None, n_features: int | None = None, counts: bool = False
    ) -> None:
        self._labels = None if classes is None else frozenset([None, *classes])
        self._n_features = n_features
        self._counts = counts

    def parse(self, value: bytes | None) -> Parsed:
        """Total: never raises, whatever the bytes."""
        if value is None:
            return Empty()
        try:
            event: Event = (_read_insert if b'"insert"' in value else _read_delete)(value)
        except (ValidationError, TypeError):
            return self._judge(value)
        if _quotes_beyond(event, value) or (type(event) is Insert and self._misfit(event)):
            return self._judge(value)
        return event

    def _judge(self, value: bytes) -> Parsed:
        """The slow path: what the message holds decides what it may be."""
        try:
            scan = _scan(value)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return Unreadable("not JSON in UTF-8, or nested too deeply")
        event, reason = _validated(value, scan)
        if type(event) is Insert:
            reason = self._misfit(event)
        if event is not None and not reason:
            return event
        return Unreadable(reason) if scan.may_delete() else BadInsert(reason)

    def _misfit(self, insert: Insert) -> str:
        """Why the model can't take this insert; empty if it can."""
        if self._labels is not None and insert.label not in self._labels:
            return "label: not one that the model learns from"
        if insert.features is None:
            return ""
        return self._misfit_features(insert.features, insert)

    def _misfit_features(self, features: tuple[float, ...] | dict[int, float], insert: Insert) -> str:
        width = len(features) if isinstance(features, tuple) else max(features, default=-1) + 1
        if self._n_features is not None and width > self._n_features:
            return "features: more than the model has"
        if self._counts and not all(value > 0.0 and value.is_integer() for value in features_of(insert)[1]):
            return "features: not counts, and the model's learner takes nothing else"
        return ""


def parse(value: bytes | None) -> Parsed:
    """As `Parser.parse`, with any label and any number of features allowed."""
    return _UNBOUND.parse(value)


def _quotes_beyond(event: Event, value: bytes) -> bool:
    """Whether the message holds quotes that the event doesn't need.

    Keys and strings need two each. Without a quote beyond them no key is there twice, none is unknown, and
    the type was said, not assumed.
    """
    need = 2 * len(event.__pydantic_fields_set__) + 2 * _strings(event)
    if type(event) is Insert and type(event.features) is dict:
        need += 2 * len(event.features)
    beyond = value.count(b'"') - need
    # Escaped quotes need no key, but behind a backslash that is escaped itself a quote may be a real one.
    return beyond != 0 and (beyond != value.count(b'\\"') or b"\\\\" in value)


def _strings(event: Event) -> int:
    if type(event) is Insert:
        given = (event.subject_id is not None) + (event.occurred_at is not None) + (event.label is not None)
        return 3 + given + (event.text is not None)
    return [*map(type, event.__dict__.values())].count(str)


@dataclass
class _Scan:
    """What a message holds, whatever it means."""

    text: str
    top: list[tuple[str, object]] = field(default_factory=list)
    is_object: bool = False
    repeats: bool = False

    def see(self, pairs: list[tuple[str, object]]) -> None:
        self.top = pairs
        self.repeats = self.repeats or len({key for key, _ in pairs}) < len(pairs)

    def types(self) -> list[object]:
        return [value for key, value in self.top if key == "type"] if self.is_object else []

    def may_delete(self) -> bool:
        strange = any(kind not in ("insert", "seal") for kind in self.types())
        return strange or "delete" in self.text.lower() or "delete" in _ESCAPE.sub(_unescape, self.text).lower()


def _scan(value: bytes) -> _Scan:
    """Raises ValueError (not UTF-8 JSON, nested too deeply), TypeError or AttributeError (not bytes)."""
    if _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    scan = _Scan(value.decode())
    # Numbers are not built: a long one would be an error of its own.
    json.loads(
        scan.text,
        object_pairs_hook=scan.see,
        parse_int=_nothing,
        parse_float=_nothing,
        parse_constant=_nothing,
    )
    scan.is_object = scan.text.lstrip(" \t\n\r").startswith("{")
    return scan


def _depth(value: bytes) -> int:
    """How deep arrays and objects are nested, found without recursion."""
    deepest = depth = 0
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        for bracket in _STRING.sub(b"", value).translate(None, _NOT_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _nothing(_: str) -> None:
    return None


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[0]


def _validated(value: bytes, scan: _Scan) -> tuple[Event | None, str]:
    """The event, or why it is none."""
    types = scan.types()
    kind = types[0] if types and isinstance(types[0], str) else None
    if not scan.is_object:
        return None, "not an object"
    if scan.repeats:
        return None, "a key is there twice"
    if kind not in _READS:
        return None, "type: missing or unknown"
    try:
        return _READS[kind](value), ""
    except ValidationError as error:
        return None, _reason(error)


def _reason(error: ValidationError) -> str:
    """Names the field and the rule; never the input: keys of a mapping are input too."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    # Each form of the features has its say; the form that was meant has more than its name to say.
    told = next((one for one in errors if one["type"] not in _OTHER_FORM), errors[0])
    said = _OPENING.sub(lambda opening: "must " if opening[1] else "", told["msg"])
    rule = _RULES.get(told["type"]) or (said if told["type"] in _SAID else told["type"])
    return f"{told['loc'][0]}: {rule}" if told["loc"] else rule


_UNBOUND = Parser()
