"""What serialisers put before the JSON of a value or a key: a byte order mark, a schema registry's id."""

from __future__ import annotations

from typing import Final

__all__ = ["FRAMED", "is_framed", "unframed"]

FRAMED: Final = "behind a schema registry's id, and not JSON: Avro and Protobuf are not read"
_MARK = b"\xef\xbb\xbf"
_ID = 5
"""Bytes: a zero, and a schema's number of four bytes."""


def unframed(data: bytes) -> bytes:
    """The JSON object behind a mark, an id, or an id and a mark; the data itself where none stands before one."""
    inner = data[_ID:] if data[:1] == b"\0" else data
    inner = inner.removeprefix(_MARK)
    return inner if inner[:1] == b"{" else data


def is_framed(data: bytes) -> bool:
    """Whether the data begins as a schema registry's client writes it."""
    return data[:1] == b"\0" and len(data) > _ID
