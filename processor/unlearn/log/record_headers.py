"""A record's headers as one run of bytes, as Kafka's record format v2 has them.

The count, then for each header the length and the bytes of its name (UTF-8) and of its value; all numbers are zigzag
varints, and the length of a value that is None is -1.
"""

from __future__ import annotations

from collections.abc import Sequence

from unlearn.log.protocol import Header

__all__ = ["decode_headers", "encode_headers"]


def encode_headers(headers: Sequence[Header]) -> bytes:
    """The headers as bytes. Raises UnicodeEncodeError for a name that has no UTF-8."""
    out = bytearray(_varint(len(headers)))
    for name, value in headers:
        out += _sized(name.encode())
        out += _sized(value)
    return bytes(out)


def decode_headers(data: bytes) -> tuple[Header, ...]:
    """The headers that `encode_headers` or a producer wrote; the bytes must be well formed."""
    found: list[Header] = []
    count, at = _number(data, 0)
    for _ in range(count):
        size, at = _number(data, at)
        name, at = data[at : at + size].decode(), at + size
        size, at = _number(data, at)
        found.append((name, None if size < 0 else data[at : at + size]))
        at += max(0, size)
    return tuple(found)


def _sized(content: bytes | None) -> bytes:
    return _varint(-1) if content is None else _varint(len(content)) + content


def _varint(number: int) -> bytes:
    rest = number << 1 if number >= 0 else ~(number << 1)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The number that stands at the place, and the place behind it."""
    found = shift = 0
    while data[at] > 0x7F:
        found |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    found |= data[at] << shift
    return found >> 1 ^ -(found & 1), at + 1
