"""The events that people send, and what else a message may turn out to be.

The models are strict and frozen, ignore fields they don't know, and bound every size and number; their
error texts hold no input. Ids are exact strings: no case folding, no normal form. How bytes become one of
them stands in `parsing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from unlearn.durations import parse_duration

ORIGIN: Final = "unlearn-origin"
"""The header of events that were forwarded or copied; see `partitioner`."""
MAX_ID = 256
MAX_ALIASES = 16
MAX_TIME = 64
MAX_TEXT = 100_000
MAX_FEATURES = 100_000
MAX_INDEX = 2**31 - 1
MAX_REVISION = 2**53 - 1
MAX_VALUE = 2.0**31
# The square of a smaller value is lost in a learner's sums, or becomes a subnormal number there.
MIN_VALUE = 2.0**-100
MAX_EVENT: Final = 1_000_000
"""Bytes of an event that is sent from here at most; Kafka's brokers take little more than this in one record."""
MAX_FORGET_WITHIN = 3650 * 86400.0

NOT_OF_LIFTS: Final = ("revision", "scope")
"""Fields of a deletion that a lift hasn't: with them it would lift more than its sender says."""
_FEW = 1000
"""So many errors are collected in no time."""
_INDEX = re.compile(r"(0|[1-9][0-9]{0,9})")
_NOT_BESIDE_ALIAS = ("subject_id", "record_id", "revision", "scope")


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _indexed(values: object) -> object:
    """The features by index as an integer; in JSON indices are strings. Only one spelling of each is taken: with two,
    one index could occur twice. Where something is wrong, the first such alone is given: an error for each of very many
    would take seconds."""
    if not isinstance(values, dict):
        return values
    found = {(int(index) if _spells_index(index) else index): value for index, value in values.items()}
    wrong = (one for one in found.items() if type(one[0]) is not int or not _is_value(one[1]))
    return dict([first]) if len(found) > _FEW and (first := next(wrong, None)) else found


def _is_value(value: object) -> bool:
    return type(value) in (int, float) and -MAX_VALUE <= value <= MAX_VALUE  # type: ignore[operator]


def _spells_index(index: object) -> bool:
    return isinstance(index, str) and _INDEX.fullmatch(index) is not None


def _require_type(schema: dict[str, Any]) -> None:
    schema["required"] = ["type", *schema.get("required", [])]


def _given(**types: list[str]) -> list[dict[str, Any]]:
    return [{"required": [name], "properties": {name: {"type": kinds}}} for name, kinds in types.items()]


def _require_content(schema: dict[str, Any]) -> None:
    _require_type(schema)
    schema["oneOf"] = _given(text=["string"], features=["array", "object"])


def _require_target(schema: dict[str, Any]) -> None:
    _require_type(schema)
    (alias,) = _given(alias=["string"])
    schema["anyOf"] = [*_given(subject_id=["string"], record_id=["string"]), alias]
    beside = [name for name in _NOT_BESIDE_ALIAS if name in schema["properties"]]
    schema["if"], schema["then"] = alias, {"properties": {name: {"type": "null"} for name in beside}}


def _require_lift(schema: dict[str, Any]) -> None:
    _require_target(schema)
    given = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in NOT_OF_LIFTS]
    schema["not"] = {"anyOf": given}


Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Aliases = Annotated[
    tuple[Id, ...], Field(min_length=1, max_length=MAX_ALIASES, description="their order means nothing, nor a repeat")
]
Time = Annotated[str, Field(min_length=1, max_length=MAX_TIME, description="RFC 3339; kept, never interpreted")]
Asked = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TIME,
        description="RFC 3339, or a date; refused if more than a day after the record's own time",
        json_schema_extra={"anyOf": [{"format": "date-time"}, {"format": "date"}]},
    ),
]
Revision = Annotated[int, Field(ge=0, le=MAX_REVISION)]
Value = Annotated[float, Field(ge=-MAX_VALUE, le=MAX_VALUE, allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0, le=MAX_INDEX)]
# One error is told; to collect one for each element of a long list would take minutes.
Dense = Annotated[tuple[Value, ...], Field(max_length=MAX_FEATURES, fail_fast=True)]
Sparse = Annotated[
    dict[Index, Value],
    Field(max_length=MAX_FEATURES, json_schema_extra={"propertyNames": {"pattern": f"^{_INDEX.pattern}$"}}),
    BeforeValidator(_indexed),
]
Seconds = Annotated[
    float,
    Field(ge=0.0, le=MAX_FORGET_WITHIN, allow_inf_nan=False),
    BeforeValidator(_seconds, json_schema_input_type=float | Annotated[str, Field(pattern="^P")]),
]


class _Event(BaseModel):
    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        json_schema_extra=_require_type,
    )


class Insert(_Event):
    """One training example, with exactly one of `text` and `features`. Without a label it is a member too.

    `features` is a dense vector, or a mapping from index (in JSON a string of digits) to value. `aliases` are other
    names of its subject, or of the record where it has none, such as a hash of an e-mail address.
    """

    model_config = ConfigDict(json_schema_extra=_require_content)

    type: Literal["insert"] = "insert"
    event_id: Id
    record_id: Id
    subject_id: Id | None = None
    revision: Revision = 0
    occurred_at: Time | None = None
    label: Id | None = None
    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    features: Dense | Sparse | None = None
    aliases: Aliases | None = None

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.text is None) == (self.features is None):
            raise PydanticCustomError("content", "exactly one of text and features is needed")
        if self.features is not None and any(0.0 < abs(value) < MIN_VALUE for value in _values(self.features)):
            raise PydanticCustomError("value_too_small", "a feature's value is too near to zero")
        return self


class Delete(_Event):
    """Forget a record of a subject, a record id under every subject, a subject, or whom an alias names.

    At least one is named; an alias alone. It names the subject of each insert that bears it, before or after, or the
    record of one without a subject.

    Without `revision` all revisions are meant, for ever; a whole subject has none. With the scope `so_far` a subject's
    records until now are meant, and later ones are taken. `forget_within` is seconds, or an ISO 8601 duration. Whether
    `requested_at` is a date, and what else depends on more than form, is the parser's.
    """

    model_config = ConfigDict(json_schema_extra=_require_target)

    type: Literal["delete"] = "delete"
    event_id: Id
    subject_id: Id | None = None
    record_id: Id | None = None
    alias: Id | None = None
    revision: Revision | None = None
    requested_at: Asked
    forget_within: Seconds | None = None
    scope: Literal["so_far"] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        _check_target(self)
        return self


class Lift(_Event):
    """Ends what a deletion of the same name refuses: what comes behind it in the log is taken again.

    It names what the deletion named: a record of a subject, a record id under every subject, a subject, or an alias.
    It has neither revision nor scope. What died stays dead, and whom an alias's deletion forgot stays forgotten until
    lifted by name.
    """

    model_config = ConfigDict(json_schema_extra=_require_lift)

    type: Literal["lift"] = "lift"
    event_id: Id
    subject_id: Id | None = None
    record_id: Id | None = None
    alias: Id | None = None
    requested_at: Asked

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        _check_target(self)
        return self


class Seal(_Event):
    """Ends the slice after itself."""

    type: Literal["seal"] = "seal"


@dataclass(frozen=True, slots=True)
class Empty:
    """A message without a value: its offset is counted as applied, and nothing else happens."""


@dataclass(frozen=True, slots=True)
class BadInsert:
    """A message that says it is an insert, a seal or a lift, and can't be taken. The reason holds nothing of the input.

    `answers`: its sender is told, as the sender of a lift is.
    """

    reason: str
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A possible deletion: a message that can't be read and may be one. The reason holds nothing of the input."""

    reason: str


Request = Delete | Lift
"""What somebody asks for and gets receipts of."""
Event = Insert | Delete | Lift | Seal
Parsed = Insert | Delete | Lift | Seal | Empty | BadInsert | Unreadable


def encode(event: Event) -> bytes:
    """The event as JSON in UTF-8, as producers send it; fields without a value are left out."""
    return event.model_dump_json(exclude_none=True).encode()


def features_of(insert: Insert) -> tuple[list[int], list[float]]:
    """Indices, strictly increasing, and values of an insert's features; zeros of either sign are dropped.

    Both are empty for an insert with a text.
    """
    features = insert.features
    if features is None:
        return [], []
    items = sorted(features.items()) if isinstance(features, Mapping) else enumerate(features)
    kept = [(index, value) for index, value in items if value != 0.0]
    return [index for index, _ in kept], [value for _, value in kept]


def _check_target(request: Request) -> None:
    if request.alias is not None:
        if any(getattr(request, name, None) is not None for name in _NOT_BESIDE_ALIAS):
            raise PydanticCustomError("alias_beside", "an alias stands alone")
    elif request.subject_id is None and request.record_id is None:
        raise PydanticCustomError("target", "a subject_id, a record_id or an alias is needed")


def _values(features: tuple[float, ...] | Mapping[int, float]) -> tuple[float, ...] | list[float]:
    return list(features.values()) if isinstance(features, Mapping) else features
