"""A line as a message of the log: its value alone, or an object of key, headers and value."""

from __future__ import annotations

import json
from typing import Any, Final

from unlearn.errors import InputInvalid
from unlearn.log.protocol import Entry, Header

__all__ = ["FORM", "NOWHERE", "message_of"]

FORM: Final = '{"key": ..., "headers": {...}, "value": ...}'
NOWHERE: Final = -1
"""The partition of a message that stands in a file."""
_MEMBERS: Final = ("key", "headers", "value")


def message_of(line: bytes, number: int, at: int) -> Entry:
    """The message that a line says, of the line's number as offset and of the time `at`, in ms.

    An object with all members of `FORM` is a message with these: a key that is text or JSON, or null for none; headers
    by their names, of text; a value of JSON, or null for none, and `before`, if it is there, the bytes in hex in front
    of the value. Other members say nothing. Any other line is the value of a message without key and headers.

    Raises InputInvalid.
    """
    said = _said(line)
    if said is None:
        return Entry(NOWHERE, number, at, None, line, ())
    key, value = said["key"], said["value"]
    return Entry(
        NOWHERE,
        number,
        at,
        None if key is None else (key if isinstance(key, str) else json.dumps(key)).encode(),
        None if value is None else _before(said.get("before", "")) + json.dumps(value).encode(),
        _headers(said["headers"]),
    )


def _said(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and all(name in said for name in _MEMBERS) else None


def _headers(said: object) -> list[Header]:
    found = {} if said is None else said
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InputInvalid("headers: must be an object of texts by their names")
    return [(name, text.encode()) for name, text in found.items()]


def _before(said: object) -> bytes:
    try:
        return bytes.fromhex(said if isinstance(said, str) else "-")
    except ValueError:
        raise InputInvalid("before: must be bytes in hex") from None
