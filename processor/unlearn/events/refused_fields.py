"""What a refused message says of itself: whom to answer, and which record it meant to change.

It decides about nothing else, since the message may be wrong in every other way.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from unlearn.events.event import MAX_ID, MAX_REVISION, MAX_TIME
from unlearn.timestamps import parse_timestamp

__all__ = ["Told", "told_of"]

_DIGITS = 16
_SAID = ("event_id", "record_id", "subject_id", "revision", "requested_at")


class Told(NamedTuple):
    """Fields of a refused message. None where a field is missing, invalid or there twice."""

    event_id: str | None = None
    record_id: str | None = None
    subject_id: str | None = None
    revision: int | None = None
    requested_at: str | None = None


def told_of(value: bytes | None) -> Told:
    """The fields of a message. Never raises, whatever the bytes."""
    try:
        pairs = json.loads((value or b"").decode(), object_pairs_hook=_Pairs, parse_int=_integer)
    except (ValueError, RecursionError):
        return Told()
    if not isinstance(pairs, _Pairs):
        return Told()
    said = {name: _only([v for key, v in pairs.found if key == name]) for name in _SAID}
    return Told(
        _id(said["event_id"]),
        _id(said["record_id"]),
        _id(said["subject_id"]),
        _revision(said["revision"]),
        _time(said["requested_at"]),
    )


class _Pairs:
    """The names and values of a JSON object, repeated names included."""

    def __init__(self, found: list[tuple[str, Any]]) -> None:
        self.found = found


def _integer(digits: str) -> int | None:
    """The number; None for one with more digits than a revision has."""
    return int(digits) if len(digits) <= _DIGITS else None


def _only(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else None


def _id(value: Any) -> str | None:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _revision(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_REVISION else None


def _time(value: Any) -> str | None:
    said = isinstance(value, str) and len(value) <= MAX_TIME and parse_timestamp(value) is not None
    return value if said else None
