"""What serialisers put before the JSON of a value or a key: a byte order mark, a schema registry's id."""

from __future__ import annotations

from typing import Final, Protocol

__all__ = ["FRAMED", "Avro", "Frames", "is_framed", "unframed"]

FRAMED: Final = (
    "behind a schema registry's id, and not JSON: Avro is read with the [avro] extra and avro = true in the mapping"
)
_MARK = b"\xef\xbb\xbf"
_ID = 5
"""Bytes: a zero, and a schema's number of four bytes."""


class Avro(Protocol):
    """Reads framed Avro."""

    def json_of(self, framed: bytes) -> bytes | None:
        """The JSON that says the same; None where it can't be read."""


class Frames:
    """Takes off what stands before JSON, where `taken_off`; and turns Avro into JSON, where there is a reader."""

    def __init__(self, *, taken_off: bool, avro: Avro | None) -> None:
        self._taken_off, self.avro = taken_off, avro

    def opened(self, data: bytes) -> bytes:
        """The JSON; the data itself where it is none. Raises RegistryUnavailable."""
        inner = unframed(data) if self._taken_off else data
        if inner is data and self.avro is not None and is_framed(data):
            return self.avro.json_of(data) or data
        return inner

    def left(self, data: bytes) -> bool:
        """Whether the data is framed, and would be opened if it could be."""
        return self._taken_off and is_framed(data)


def unframed(data: bytes) -> bytes:
    """The JSON object behind a mark, an id, or an id and a mark; the data itself where none stands before one."""
    inner = data[_ID:] if data[:1] == b"\0" else data
    inner = inner.removeprefix(_MARK)
    return inner if inner[:1] == b"{" else data


def is_framed(data: bytes) -> bool:
    """Whether the data begins as a schema registry's client writes it."""
    return data[:1] == b"\0" and len(data) > _ID
