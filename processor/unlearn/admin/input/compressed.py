"""Bytes of a file or a pipe, unpacked where they are gzip or zstd, by their first bytes."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from typing import TYPE_CHECKING, Protocol

from unlearn.extras import require

if TYPE_CHECKING:
    import zstandard

__all__ = ["BrokenInput", "Unpacked", "unpacked"]

_GZIP = re.compile(rb"\x1f\x8b")
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""A frame, or one to be skipped, by which tools that compress in parallel begin."""
_HEAD = 4
_PIECE = 1024
"""Bytes unpacked at once: each may become a hundred thousand."""


class BrokenInput(Exception):
    """Compressed bytes end too soon, or are none."""


class Unpacked(Protocol):
    """What unpacked bytes are read from."""

    def read1(self, size: int, /) -> bytes:
        """At most about `size` bytes, as soon as there are any; b"" at the end. Raises BrokenInput."""
        ...


def unpacked(source: io.BufferedReader) -> Unpacked:
    """The source's bytes, unpacked where they are gzip or zstd."""
    head = source.peek(_HEAD)[:_HEAD]
    if _GZIP.match(head):
        return _Gzip(source)
    return _Zstd(source) if _ZSTD.match(head) else source


class _Gzip:
    def __init__(self, source: io.BufferedReader) -> None:
        self._file = gzip.GzipFile(fileobj=source)

    def read1(self, size: int) -> bytes:
        try:
            return self._file.read1(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BrokenInput from error


class _Zstd:
    """By frames, since the library's own reader takes a frame that is cut off for one that ends."""

    def __init__(self, source: io.BufferedReader) -> None:
        require("reading zstd", "codecs")
        import zstandard

        self._source, self._errors = source, zstandard.ZstdError
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._rest = b""

    def read1(self, size: int) -> bytes:
        while packed := self._rest or self._source.read1(size):
            piece, self._rest = packed[:_PIECE], packed[_PIECE:]
            self._frame = self._frame or self._new()
            try:
                found = self._frame.decompress(piece)
            except self._errors as error:
                raise BrokenInput from error
            if self._frame.eof:
                self._rest = self._frame.unused_data + self._rest
                self._frame = None
            if found:
                return found
        if self._frame is not None:
            raise BrokenInput
        return b""
