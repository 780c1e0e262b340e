"""Lines of a file or a pipe, plain, gzip or zstd, as they come."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from unlearn.admin.input.compressed import BrokenInput, Unpacked, unpacked
from unlearn.errors import UnlearnError
from unlearn.events.event import MAX_EVENT

__all__ = ["CHUNK", "MAX_LINE", "read_chunks", "read_lines"]

CHUNK: Final = 1 << 20
MAX_LINE: Final = MAX_EVENT
"""Bytes of a line at most."""


def read_lines(source: BinaryIO) -> Iterator[bytes]:
    """The lines one by one, as `read_chunks` gives them."""
    for lines in read_chunks(source):
        yield from lines


def read_chunks(source: BinaryIO, size: int = CHUNK) -> Iterator[list[bytes]]:
    """The lines of plain, gzip or zstd bytes: those that are there already come together, and none waits for a later
    one. Little more than `size` bytes are read for that.

    Of a line longer than MAX_LINE only the first MAX_LINE + 1 bytes are given. Raises UnlearnError where compressed
    data is broken, after the lines before it.
    """
    buffered = source if isinstance(source, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", source))
    text = unpacked(buffered)
    number, rest = 0, b""
    try:
        for block in _blocks(text, size, waits=not buffered.seekable()):
            lines = [_cut(line) for line in io.BytesIO(rest + block).readlines()]
            rest = b"" if block.endswith(b"\n") else lines.pop()
            number += len(lines)
            if lines:
                yield lines
    except BrokenInput as error:
        raise UnlearnError(f"the compressed input is broken after line {number}; all before it was read") from error
    if rest:
        yield [rest]


def _blocks(text: Unpacked, size: int, *, waits: bool) -> Iterator[bytes]:
    """The bytes in order. What is read in smaller parts, as what is unpacked, comes together where no part has to be
    waited for.

    Raises as the reading does, after what was read before.
    """
    held = bytearray()
    try:
        while part := text.read1(size):
            held += part
            if waits or len(held) >= size:
                yield bytes(held)
                held.clear()
    except BrokenInput:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _cut(line: bytes) -> bytes:
    return line if len(line) <= MAX_LINE + 1 else line[: MAX_LINE + 1]
