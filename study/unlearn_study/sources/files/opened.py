"""Files as bytes, decompressed; how they are compressed is told by their first bytes, not by their names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from unlearn_study.errors import BadData

__all__ = ["DAMAGED", "opened", "plain_name"]

DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".zip")
_OTHERS = {b"PAR1": "a Parquet file", b"\xd0\xcf\x11\xe0": "an Excel file", b"SQLite f": "a database"}
_CHUNK = 2**17


def plain_name(path: Path) -> str:
    """The file's name in lower case, without the ending of its compression."""
    name = path.name.lower()
    return next((name.removesuffix(end) for end in _PACKED if name.endswith(end)), name)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's decompressed bytes.

    Raises BadData for a known form of data that is no text; OSError and those in DAMAGED, also while reading.
    """
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        for magic, what in _OTHERS.items():
            if head.startswith(magic):
                raise BadData(f"{path}: {what} is no known form of data; save it as CSV or JSON Lines")
        with _unpacked(path, file, head) as inner:
            yield inner


def _unpacked(path: Path, file: IO[bytes], head: bytes) -> IO[bytes]:
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(file)  # type: ignore[return-value]  # all that is asked of it are its bytes
    if head.startswith(b"BZh"):
        return bz2.open(file)
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.open(file)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return io.BufferedReader(_Zstandard(path, file))
    if head.startswith(b"PK\x03\x04"):
        return _only_member(path, file)
    return file


def _only_member(path: Path, file: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if "[Content_Types].xml" in names:
        raise BadData(f"{path}: an Excel file is no known form of data; save it as CSV")
    if len(names) != 1:
        raise BadData(f"{path}: the archive holds {len(names)} files; unpack it and name one")
    return archive.open(names[0])


class _Zstandard(io.RawIOBase):
    """Reads zstd; raises EOFError where the file was cut short, which the library's own reader takes for the end."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        try:
            import zstandard
        except ImportError:
            raise BadData(f"{path}: reading zstd needs the package zstandard: pip install zstandard") from None
        self._file, self._error = file, zstandard.ZstdError
        self._new: Any = lambda: zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
        self._frame: Any = None
        self._ready, self._left = b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and self._more():
            pass
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _more(self) -> bool:
        """Decompress the next bytes; False at the end.  Raises EOFError at an end within a frame."""
        data = self._left or self._file.read(_CHUNK)
        self._left = b""
        if not data:
            if self._frame is not None:
                raise EOFError
            return False
        self._frame = self._frame or self._new()
        try:
            self._ready = self._frame.decompress(data)
        except self._error:
            raise EOFError from None
        if self._frame.eof:
            self._left, self._frame = self._frame.unused_data, None
        return True
