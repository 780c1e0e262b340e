"""Records of one partition as the bytes that stand in Kafka's record batches of format 2, many in one call.

A record is the varint of its length, its attributes (0), the difference of its time (0: all of a batch have one), its
place in the batch, key and value, each behind its length or -1 without one, and its headers behind their number, each a
name and a value behind their lengths. Numbers are varints in zigzag form, as those of protocol buffers. From Apache
Kafka, DefaultRecord.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.log.protocol import Header, Message
from unlearn_models.base.kernel import i64, lean_kernel, reads, u8, writes

__all__ = ["Packed", "pack"]

_OVERHEAD: Final = 40
"""Bytes that a record takes at most beside its key and its value."""
_ABSENT: Final = -1
_NEGATIVE: Final = b"\x01"
"""The varint of -1."""
_NO_HEADERS: Final = b"\x00"


class Packed(NamedTuple):
    """Neighbouring messages, `size` of them, as the records of one batch."""

    records: bytes
    size: int


def pack(messages: Sequence[Message], room: int, headers: Sequence[Sequence[Header]] = ()) -> Iterator[Packed]:
    """The messages in order, in batches of as many as `room` bytes take; a larger one has a batch of its own.

    `headers`: those of each message; empty if none has any. Raises ValueError for a message with neither key nor
    value, as the client does.
    """
    ends = map(_end, headers) if headers else repeat(_NO_HEADERS, len(messages))
    parts = list(chain.from_iterable((*message, end) for message, end in zip(messages, ends, strict=True)))
    of_each = [_ABSENT if part is None else len(part) for part in parts]
    sizes = np.array(of_each, np.int64).reshape(-1, 3)
    if (sizes[:, :2] == _ABSENT).all(axis=1).any():
        raise ValueError("a message needs a key or a value")
    data = np.frombuffer(b"".join(filter(None, parts)), np.uint8)
    out = np.empty(max(room, int(sizes.sum(axis=1).max(initial=0)) + _OVERHEAD), np.uint8)
    first = at = 0
    while first < len(sizes):
        stop, at, filled = _pack(data, sizes, first, at, room, out)
        yield Packed(out[:filled].tobytes(), stop - first)
        first = stop


def _end(headers: Sequence[Header]) -> bytes:
    """The headers as they stand at a record's end. One without a value gets an empty one, as `send` does it."""
    out = bytearray(_number(len(headers)))
    for name, value in headers:
        for part in (name.encode(), value or b""):
            out += _number(len(part)) + part
    return bytes(out)


def _number(number: int) -> bytes:
    """The varint of a number, 0 or above."""
    left, out = number << 1, bytearray()
    while left > 0x7F:
        out.append(0x80 | (left & 0x7F))
        left >>= 7
    out.append(left)
    return bytes(out)


@lean_kernel(i64, i64)
def _zigzag(number: Any) -> Any:
    return 1 if number < 0 else number << 1


@lean_kernel(i64, i64)
def _width(number: Any) -> Any:
    """How many bytes a number, -1 or above, takes as a varint."""
    left, width = _zigzag(number) >> 7, 1
    while left:
        left >>= 7
        width += 1
    return width


@lean_kernel(i64, i64, writes(u8), i64)
def _put_number(number: Any, out: NDArray[np.uint8], at: Any) -> Any:
    """Write the varint of a number, -1 or above; returns the place behind it."""
    left = _zigzag(number)
    while left > 0x7F:
        out[at] = 0x80 | (left & 0x7F)
        left >>= 7
        at += 1
    out[at] = left
    return at + 1


@lean_kernel(i64, reads(u8), i64, i64, writes(u8), i64)
def _put_part(data: NDArray[np.uint8], start: Any, size: Any, out: NDArray[np.uint8], at: Any) -> Any:
    """Write a key or a value behind its size, which is -1 without one; returns the place behind it."""
    at = _put_number(size, out, at)
    for i in range(size):
        out[at + i] = data[start + i]
    return at + max(0, size)


def _pack_plainly(
    data: NDArray[np.uint8], sizes: NDArray[np.int64], first: int, start: int, room: int, out: NDArray[np.uint8]
) -> tuple[int, int, int]:
    """As `_pack`."""
    at, record, there = 0, first, data.tobytes()
    for key, value, end in sizes[first:].tolist():
        body = bytearray(b"\0\0" + _number(record - first))
        for size in (key, value):
            body += _number(size) if size >= 0 else _NEGATIVE
            body += there[start : start + max(0, size)]
            start += max(0, size)
        body += there[start : start + end]
        head = _number(len(body))
        stop = at + len(head) + len(body)
        if record > first and stop > room:
            start -= max(0, key) + max(0, value)
            break
        out[at:stop] = np.frombuffer(head + body, np.uint8)
        at, start, record = stop, start + end, record + 1
    return record, start, at


@lean_kernel((i64, i64, i64), reads(u8), reads(i64, 2), i64, i64, i64, writes(u8), plain=_pack_plainly)
def _pack(
    data: NDArray[np.uint8], sizes: NDArray[np.int64], first: Any, start: Any, room: Any, out: NDArray[np.uint8]
) -> tuple[Any, Any, Any]:
    """Kernel: write records from `first` on, at least one, until `room` bytes are full.

    sizes (n, 3): of each key and value, -1 without one, and of what ends the record, its headers; their bytes stand in
    data one behind the other, those of `first` from `start` on. Returns the record behind the last one, the start of
    its bytes, and how many bytes were written.
    """
    at, record = 0, first
    while record < len(sizes):
        key, value, end = sizes[record, 0], sizes[record, 1], sizes[record, 2]
        size = 2 + _width(record - first) + _width(key) + max(0, key) + _width(value) + max(0, value) + end
        if record > first and at + _width(size) + size > room:
            break
        at = _put_number(size, out, at)
        out[at] = out[at + 1] = 0
        at = _put_number(record - first, out, at + 2)
        at = _put_part(data, start, key, out, at)
        start += max(0, key)
        at = _put_part(data, start, value, out, at)
        start += max(0, value)
        for i in range(end):
            out[at + i] = data[start + i]
        start += end
        at, record = at + end, record + 1
    return record, start, at
