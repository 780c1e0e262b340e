"""A record's headers as one run of bytes, as Kafka's record format v2 has them.

The count, then for each header the length and the bytes of its name (UTF-8) and of its value; all numbers are zigzag
varints, and the length of a value that is None is -1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

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
    rest = iter(data)
    return tuple((_taken(rest, _number(rest)).decode(), _value(rest)) for _ in range(_number(rest)))


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


def _number(data: Iterator[int]) -> int:
    found = 0
    for place, byte in enumerate(data):
        found |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return found >> 1 ^ -(found & 1)


def _value(data: Iterator[int]) -> bytes | None:
    size = _number(data)
    return None if size < 0 else _taken(data, size)


def _taken(data: Iterator[int], size: int) -> bytes:
    return bytes(islice(data, size))
