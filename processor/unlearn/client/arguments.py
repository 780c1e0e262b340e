"""Arguments become the bytes of an event, judged by the parser that the workers have: nothing wrong is ever sent."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from unlearn.errors import InputInvalid
from unlearn.events.event import MAX_EVENT, ORIGIN, BadInsert, Delete, Insert, Lift, Unreadable
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import event_key
from unlearn.log.protocol import Header

__all__ = ["Message", "message_of"]


class Message(NamedTuple):
    """An event as it is sent: its id, its Kafka key, its JSON in UTF-8, and its Kafka headers."""

    event_id: str
    key: bytes
    value: bytes
    headers: Sequence[Header] = ()


def message_of(parser: Parser, fields: Mapping[str, Any], headers: Sequence[Header] = ()) -> Message:
    """The insert, deletion or lift with these headers and fields, without the fields that are None.

    Raises InputInvalid with the parser's reason, which names the field, and quotes nothing; and where the headers say
    that a model has sent the event on.
    """
    if any(name == ORIGIN for name, _ in headers):
        # It would be taken for one that was sent on, and might count as come again.
        raise InputInvalid(f"headers: {ORIGIN} is for models alone, on what they send on")
    value = _encoded({name: value for name, value in fields.items() if value is not None})
    if len(value) > MAX_EVENT:
        raise InputInvalid(f"more than {MAX_EVENT} bytes")
    match parser.parse(value, headers, at=round(time.time() * 1000)):
        case Insert() | Delete() | Lift() as event:
            return Message(event.event_id, event_key(event), value, headers)
        case BadInsert(reason) | Unreadable(reason):
            raise InputInvalid(reason)
        case other:
            raise AssertionError(f"{type(other).__name__} of these fields")


def _encoded(fields: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(fields, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputInvalid(f"an argument can't be written as JSON: {error}") from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair: escaped it is JSON, of which the parser says what is wrong.
        return json.dumps(fields, default=_plain).encode()


def _plain(value: object) -> object:
    """Times and spans as events spell them; what NumPy holds as plain numbers."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"it is of type {type(value).__name__}")
