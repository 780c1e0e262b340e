"""The client's four decoders, with a bound: its own unpack whatever a batch claims to hold.

`install` puts them in place of the client's own (kafka-python 3.0.12), which its record classes call by name.
Each thread that reads has a bound of its own: see `unpacking_at_most`.
"""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from kafka.record import default_records, legacy_records

from unlearn.extras import require

__all__ = ["DECODERS", "UnpacksTooFar", "install", "require_codecs", "unpacking_at_most"]

_STEP = 1 << 20
_GZIP_MEMBER = 31
"""zlib's `wbits` for data with a gzip header and trailer."""
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_SIZE = struct.Struct(">i")

_bound = threading.local()


class UnpacksTooFar(Exception):
    """A batch unpacks to more bytes than the bound allows; nothing beyond the bound was unpacked."""


@contextmanager
def unpacking_at_most(size: int) -> Iterator[None]:
    """Inside the `with` block, each batch that this thread unpacks may come to `size` bytes at most."""
    before = getattr(_bound, "size", None)
    _bound.size = size
    try:
        yield
    finally:
        _bound.size = before


def install() -> None:
    """Have the client's record classes use the decoders of this module. May be repeated.

    Raises ImportError where the client has no such decoders, so that no batch stays without a bound.
    """
    for module, codecs in ((default_records, DECODERS), (legacy_records, _LEGACY)):
        for name in codecs:
            if not hasattr(module, name):
                raise ImportError(f"{module.__name__} has no {name}: its batches can't be bounded")
            setattr(module, name, DECODERS[name])


def require_codecs() -> None:
    """Raises ExtraMissing where the decoders of some codec aren't installed. The client then reads no batch of it."""
    require("reading batches that are compressed by snappy, lz4 or zstd", "codecs")


def _gzip(data: bytes | memoryview) -> bytearray:
    return _joined(_gzip_parts(bytes(data)))


def _gzip_parts(data: bytes) -> Iterator[bytes]:
    while data:
        member = zlib.decompressobj(_GZIP_MEMBER)
        rest = data
        while not member.eof:
            part = member.decompress(rest, _STEP)
            if not part and not member.eof:
                raise ValueError("the gzip data end too early")
            yield part
            rest = member.unconsumed_tail
        # Gzip data may have several members, and zeros behind the last.
        data = member.unused_data.lstrip(b"\x00")


def _lz4(data: bytes) -> bytearray:
    return _joined(_lz4_parts(data))


def _lz4_parts(data: bytes) -> Iterator[bytes]:
    import lz4.frame

    frame = lz4.frame.LZ4FrameDecompressor()
    part = frame.decompress(data, max_length=_STEP)
    while True:
        yield part
        if frame.eof:
            return
        part = frame.decompress(b"", max_length=_STEP)
        if not part and not frame.eof:
            raise ValueError("the lz4 data end too early")


def _zstd(data: bytes) -> bytearray:
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return _joined(iter(lambda: reader.read(_STEP), b""))


def _snappy(data: bytes) -> bytearray:
    return _joined(_snappy_parts(data))


def _snappy_parts(data: bytes) -> Iterator[bytes]:
    """The unpacked blocks. A block is unpacked whole, so the sizes that all blocks announce are checked first."""
    import snappy

    blocks = list(_xerial_blocks(data)) if data.startswith(_XERIAL) else [data]
    _check(sum(map(_announced, blocks)))
    for block in blocks:
        yield snappy.decompress(block)


def _xerial_blocks(data: bytes) -> Iterator[bytes]:
    at = _XERIAL_HEADER
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        if not 0 <= size <= len(data) - at:
            raise ValueError("a snappy block is cut off")
        yield data[at : at + size]
        at += size


def _announced(block: bytes) -> int:
    """The unpacked size that a snappy block begins with: 7 bits a byte, the lowest first."""
    size = 0
    for place, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return size
    raise ValueError("a snappy block has no size")


def _joined(parts: Iterable[bytes]) -> bytearray:
    out = bytearray()
    for part in parts:
        out += part
        _check(len(out))
    return out


def _check(size: int) -> None:
    most = getattr(_bound, "size", None)
    if most is not None and size > most:
        raise UnpacksTooFar(f"it unpacks to more than {most} bytes")


DECODERS: dict[str, Callable[[bytes], bytearray]] = {
    "gzip_decode": _gzip,
    "snappy_decode": _snappy,
    "lz4_decode": _lz4,
    "zstd_decode": _zstd,
}
"""The decoders, by the names under which the client's record classes call them."""

_LEGACY = ("gzip_decode", "snappy_decode", "lz4_decode")
