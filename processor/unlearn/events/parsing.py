"""Bytes become an event, an empty offset, a bad insert, or a possible deletion that can't be read.

A usual message costs one validation and a count of its quotes. Only a message that fails there, or that may repeat a
key or hold an unknown one, is decoded a second time and judged by what it holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import AliasPath, Field, ValidationError

from unlearn.events.avro.reading import NO_AVRO, avro_of
from unlearn.events.event import (
    MAX_ALIASES,
    NOT_OF_LIFTS,
    Aliases,
    BadInsert,
    Delete,
    Event,
    Id,
    Insert,
    Lift,
    Parsed,
    Request,
    Seal,
    Unreadable,
    features_of,
)
from unlearn.events.frames import FRAMED, Frames
from unlearn.events.mapped.reader import MappedReader
from unlearn.events.mapped.tally import Tally
from unlearn.events.possible_deletions.envelopes import enveloped, framed
from unlearn.events.possible_deletions.near_misses import near_miss, near_miss_before
from unlearn.events.possible_deletions.other_words import IN_A_FIELD, is_deletion, says_deletion, with_headers
from unlearn.events.refused_fields import Told, told_of
from unlearn.events.scanning import Scan, scan
from unlearn.log.protocol import Entry, Header, Record
from unlearn.mapping.reading import PLAIN_READING, Reading
from unlearn.timestamps import DAY, parse_timestamp

if TYPE_CHECKING:
    from unlearn_models.base.learner import Learner

__all__ = ["LIFTS_ALL", "NOT_JSON", "NO_LIFTS", "NO_TYPE", "Parser", "parse", "parser_of"]

NOT_JSON: Final = "not JSON in UTF-8, or nested too deeply"
NO_TYPE: Final = "type: missing or unknown"
NO_LIFTS: Final = "the model was made by a release that takes no deletion back"
"""Said of a lift, and of a deletion so far."""
LIFTS_ALL: Final = {
    name: f"{name}: a lift has none; leave it out, and it lifts all deletions of what it names" for name in NOT_OF_LIFTS
}
"""Why a lift with a field of a deletion is refused."""

_MODELS: dict[object, type[Event]] = {"insert": Insert, "delete": Delete, "lift": Lift, "seal": Seal}
_Reads = Mapping[object, Callable[[bytes], Event]]
_READS: _Reads = {name: model.__pydantic_validator__.validate_json for name, model in _MODELS.items()}
_NOWHERE = AliasPath("type", "of no message")


class _InsertBefore(Insert):
    """An insert to which `aliases` is an unknown field."""

    aliases: Aliases | None = Field(None, validation_alias=_NOWHERE)


class _DeleteBefore(Delete):
    """A deletion to which `alias` is an unknown field."""

    alias: Id | None = Field(None, validation_alias=_NOWHERE)


def _insert_before(value: bytes) -> Insert:
    event = _InsertBefore.__pydantic_validator__.validate_json(value)
    return Insert.model_construct(event.model_fields_set, **event.__dict__)


def _delete_before(value: bytes) -> Delete:
    event = _DeleteBefore.__pydantic_validator__.validate_json(value)
    return Delete.model_construct(event.model_fields_set, **event.__dict__)


_READS_BEFORE: _Reads = {**_READS, "insert": _insert_before, "delete": _delete_before}
"""As releases before aliases read."""
_OTHER_FORM = ("tuple_type", "dict_type")
_LISTING = ("tuple_type", "too_short", "too_long")
_ALIASES_MUST: Final = f"aliases: must be a list of 1 to {MAX_ALIASES} strings"
_RULES = {
    "content": "exactly one of text and features is needed",
    "target": "a subject_id, a record_id or an alias is needed",
    "alias_beside": "alias: stands alone, without subject_id, record_id, revision and scope",
    "value_too_small": "features: a value is too near to zero",
    "finite_number": "must be a finite number",
    "missing": "is missing",
    **dict.fromkeys(_OTHER_FORM, "must be a list of numbers, or an object of numbers by feature"),
    "json_invalid": "half a surrogate pair, or a number too long",
}
_BOUNDS = ("greater_than_equal", "less_than_equal", "string_too_short", "string_too_long")
_TYPES = ("string_type", "int_type", "float_type", "bool_type", "list_type", "value_error")
_SAID = frozenset((*_BOUNDS, *_TYPES))
"""Validation rules whose messages never quote the input."""
_OPENING = re.compile("^(Input|String) should |^Value error, ")
_NO_JSON = (ValueError, TypeError, AttributeError, RecursionError)
"""The errors that `scan` raises."""


class Parser:
    """Reads the events of one model; an event that its learner couldn't take is refused here.

    `classes`: the labels allowed; None allows any.
    `n_features`: indices of features stay below it; None allows any.
    `counts`: values of features are non-negative integers (naive Bayes).
    `reading`: by which mapping messages are read, and what a null under a key means.
    """

    def __init__(
        self,
        classes: Collection[str] | None = None,
        n_features: int | None = None,
        counts: bool = False,
        reading: Reading = PLAIN_READING,
    ) -> None:
        self._maps, self._lifts = bool(reading.mapping.forms), reading.lifts
        self._checks_lifts = reading.checks_lifts
        self._frames = Frames(taken_off=reading.mapping.frames, avro=avro_of(reading))
        self._reads = _READS if reading.knows_aliases else _READS_BEFORE
        self._read_insert, self._read_delete = self._reads["insert"], self._reads["delete"]
        self._says_deletion = partial(says_deletion, states=reading.knows_states)
        self._with_headers = partial(with_headers, states=reading.knows_states)
        self._near_miss = near_miss if reading.knows_aliases else near_miss_before
        self._mapped = MappedReader(reading, self._frames, self._parse, self._reads)
        self._labels = None if classes is None else frozenset([None, *classes])
        self._n_features = n_features
        self._counts = counts

    def read(self, record: Record, tally: Tally | None = None) -> Parsed:
        """What a record of the log is; see `parse`. Never raises. `tally` counts what a mapping's paths find."""
        return self.parse(record.value, record.headers, record.timestamp, record, tally)

    def parse(
        self,
        value: bytes | None,
        headers: Sequence[Header] = (),
        at: int | None = None,
        record: Record | None = None,
        tally: Tally | None = None,
    ) -> Parsed:
        """What a message is. Never raises, whatever the bytes.

        `at`: when the message was appended or sent, in ms since 1970 UTC. With None, or a value not above 0, it isn't
        checked whether a deletion was asked for in the future. `record`: the message as it stands in the log, whose key
        and place a mapping may ask for; without it the message has no key.
        """
        if value is None or self._maps:
            return self._mapped.read(record or Entry(-1, -1, at or -1, None, value, headers), at, tally)
        found = self._parse(value, at)
        return self._with_headers(found, headers) if headers else found

    def taken(self, record: Record) -> Parsed:
        """What a record counted as when it was applied: an event that newer rules refuse was an event then."""
        found = self.parse(record.value, record.headers if self._maps else (), None, record)
        value = None if isinstance(found, Event) else self._mapped.json_of(record)
        if value is None:
            return found
        try:
            held = scan(value)
        except _NO_JSON:
            return found
        kind, _ = _kind(held)
        event = self._validated(value, kind)[0] if kind and not held.repeats else None
        misfits = type(event) is Insert and self._misfit_insert(event)
        return found if event is None or misfits else event

    def told(self, record: Record) -> Told:
        """What a refused record says of itself. Never raises."""
        return told_of(self._mapped.json_of(record))

    def _parse(self, value: bytes, at: int | None) -> Parsed:
        try:
            event = (self._read_insert if b'"insert"' in value else self._read_delete)(value)
        except (ValidationError, TypeError):
            return self._judge(value, at)
        return self._judge(value, at) if _quotes_beyond(event, value) or self._misfit(event, at) else event

    def _judge(self, value: bytes, at: int | None) -> Parsed:
        """What a message is that validation alone didn't settle, by all that it holds."""
        try:
            held = scan(value)
        except _NO_JSON:
            return self._behind_bytes(value, at)
        kind, reason = _kind(held)
        if kind == "lift" and not self._lifts:
            return Unreadable(NO_LIFTS)
        if not kind:
            wrapped = "" if held.repeats else enveloped(held.text, self._is_insert, _says_deletion)
            return Unreadable(wrapped or reason)
        event, reason = self._event(value, kind, held, at)
        if event is not None:
            return event
        if kind == "delete" or self._may_delete(kind, held):
            return Unreadable(reason)
        return BadInsert(reason, answers=kind == "lift")

    def _behind_bytes(self, value: bytes, at: int | None) -> Parsed:
        """What a message is that is no JSON as it stands."""
        if isinstance(value, bytes):
            if (inner := self._frames.opened(value)) is not value:
                return self._parse(inner, at)
            if self._frames.left(value):
                return Unreadable(FRAMED if self._frames.avro is None else NO_AVRO)
        return Unreadable(framed(value, self._is_insert) or NOT_JSON)

    def _event(self, value: bytes, kind: str, held: Scan, at: int | None) -> tuple[Event | None, str]:
        """(the event, ""), or (None, why the message is none)."""
        if held.repeats:
            return None, "a key is there twice"
        if (field := self._missed(kind, held.top)) is not None:
            return None, f"unknown field that looks like {field}"
        event, reason = self._validated(value, kind)
        if event is not None:
            reason = self._misfit(event, at)
        if not reason and kind == "lift" and self._checks_lifts:
            reason = next((LIFTS_ALL[name] for name, said in held.top if name in LIFTS_ALL and said is not None), "")
        if not reason and kind in IN_A_FIELD and self._says_deletion(held.top):
            reason = IN_A_FIELD[kind]
        return (None, reason) if reason else (event, "")

    def _missed(self, kind: str, top: Sequence[tuple[str, object]]) -> str | None:
        """The field that an unknown one looks like; None where there is none."""
        field = self._near_miss(kind, top)
        if field is None and kind == "lift" and self._checks_lifts:
            of_deletions = self._near_miss("delete", top)
            return of_deletions if of_deletions in NOT_OF_LIFTS else None
        return field

    def _may_delete(self, kind: str, held: Scan) -> bool:
        return held.holds_delete() or self._says_deletion(held.top) or self._near_miss(kind, held.top) == "type"

    def _validated(self, value: bytes, kind: str) -> tuple[Event | None, str]:
        """(the event, ""), or (None, why the message is none)."""
        try:
            return self._reads[kind](value), ""
        except ValidationError as error:
            return None, _reason(error)

    def _is_insert(self, value: bytes) -> bool:
        return isinstance(self._parse(value, None), Insert | BadInsert)

    def _misfit(self, event: Event, at: int | None) -> str:
        """Why an event of the right form can't be taken; empty if it can."""
        if type(event) is Insert:
            return self._misfit_insert(event)
        if isinstance(event, Delete) and event.scope is not None and not self._lifts:
            return NO_LIFTS
        return _misfit_request(event, at) if isinstance(event, Request) else ""

    def _misfit_insert(self, insert: Insert) -> str:
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


def parse(value: bytes | None, headers: Sequence[Header] = (), at: int | None = None) -> Parsed:
    """As `Parser.parse`, with any label and any number of features allowed."""
    return _UNBOUND.parse(value, headers, at)


def _misfit_request(request: Request, at: int | None) -> str:
    misfit = _misfit_delete(request) if isinstance(request, Delete) else ""
    if misfit:
        return misfit
    asked = parse_timestamp(request.requested_at)
    if asked is None:
        return "requested_at: must be a date: RFC 3339, such as 2024-05-01T12:00:00Z or 2024-05-01"
    if at is not None and at > 0 and asked > at + DAY:
        return "requested_at: more than a day after the record's own time"
    return ""


def _misfit_delete(delete: Delete) -> str:
    if delete.record_id is None and delete.revision is not None:
        return "revision: means nothing for a whole subject; name its record, or leave it out"
    if delete.record_id is not None and delete.scope is not None:
        return "scope: so_far is for a whole subject; leave the record out, or name a revision"
    return ""


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
        return 3 + given + (event.text is not None) + (len(event.aliases) if event.aliases else 0)
    return [*map(type, event.__dict__.values())].count(str)


def _kind(held: Scan) -> tuple[str, str]:
    """(the message's `type`, ""), if it names one of ours once at its top level; else ("", why it doesn't)."""
    types = held.types()
    if not held.is_object:
        return "", "not an object"
    if len(types) > 1:
        return "", "a key is there twice"
    kind = types[0] if types else None
    return (kind, "") if isinstance(kind, str) and kind in _READS else ("", NO_TYPE)


def _says_deletion(members: dict[str, Any]) -> bool:
    """Whether an envelope's members around an insert say deletion anywhere."""
    return says_deletion(members.items()) or is_deletion(json.dumps(members))


def _reason(error: ValidationError) -> str:
    """The field and the rule that the message breaks; none of the input, which includes the keys of a mapping."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    # Each form of features reports errors; those of the form that was meant are about more than the form.
    told = next((one for one in errors if one["type"] not in _OTHER_FORM), errors[0])
    said = _OPENING.sub(lambda opening: "must " if opening[1] else "", told["msg"])
    if told["loc"] == ("aliases",) and told["type"] in _LISTING:
        return _ALIASES_MUST
    rule = _RULES.get(told["type"]) or (said if told["type"] in _SAID else told["type"])
    return f"{told['loc'][0]}: {rule}" if told["loc"] else rule


_UNBOUND = Parser()


def parser_of(learner: Learner, reading: Reading = PLAIN_READING) -> Parser:
    """The parser of a model with this learner. An insert that the learner couldn't take is a bad insert."""
    return Parser(learner.labels, learner.n_features, counts=learner.counts, reading=reading)
