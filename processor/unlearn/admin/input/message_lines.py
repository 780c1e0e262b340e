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
        None if key is None else (key if type(key) is str else _text(key)).encode(),
        None if value is None else _before(said.get("before", "")) + _text(value).encode(),
        _headers(said["headers"]),
    )


class _Members(list[tuple[str, Any]]):
    """An object as it is written, with names that are there twice: who reads a message judges by them, too."""


class _Number(str):
    """A number, as its digits are written."""

    __slots__ = ()


def _said(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(
            line.decode(), object_pairs_hook=_Members, parse_int=_Number, parse_float=_Number, parse_constant=_Number
        )
    except (ValueError, RecursionError):
        return None
    names = [name for name, _ in said] if isinstance(said, _Members) else []
    if not all(name in names for name in _MEMBERS):
        return None
    if len(set(names)) < len(names):
        raise InputInvalid(f"a name stands there twice, beside {FORM}")
    return dict(said)


def _text(said: object) -> str:
    """The JSON of what was read. Raises InputInvalid where it is nested too deeply."""
    try:
        return _written(said)
    except RecursionError:
        raise InputInvalid("nested too deeply") from None


def _written(said: object) -> str:
    if isinstance(said, _Members):
        return f"{{{', '.join(f'{json.dumps(name)}: {_written(one)}' for name, one in said)}}}"
    if isinstance(said, list):
        return f"[{', '.join(map(_written, said))}]"
    return str(said) if isinstance(said, _Number) else json.dumps(said)


def _headers(said: object) -> list[Header]:
    found = _Members() if said is None else said
    if not isinstance(found, _Members) or not all(type(text) is str for _, text in found):
        raise InputInvalid("headers: must be an object of texts by their names")
    return [(name, text.encode()) for name, text in found]


def _before(said: object) -> bytes:
    try:
        return bytes.fromhex(said if type(said) is str else "-")
    except ValueError:
        raise InputInvalid("before: must be bytes in hex") from None
