"""Arrays to bytes and back in one canonical form; a state's digest is the hash of its bytes.

    container = magic, version, header, arrays
    header    = u32 count, then per entry in key order: key, "s" text | "i" 64-bit number
    arrays    = u32 count, then per array in name order:
                name, dtype, u8 dimensions, u64 each, u64 size, C-order bytes
Names and texts are u32 length and UTF-8; all numbers little-endian.  Equal content has exactly one encoding,
and decoding refuses every other.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import BadState
from unlearn_models.base.learner import Learner, State

_MAGIC = b"unlearn\x01"
_DTYPES: dict[str, np.dtype[Any]] = {
    "<i4": np.dtype("<i4"),
    "<i8": np.dtype("<i8"),
    "<f8": np.dtype("<f8"),
    "|u1": np.dtype("|u1"),
}
_MAX_DIMENSIONS = 4
_STATE = "state/1"
_U8, _U32, _I64 = (struct.Struct(layout) for layout in ("<B", "<I", "<q"))
_SHAPES_AND_SIZE = [struct.Struct(f"<{dimensions + 1}Q") for dimensions in range(_MAX_DIMENSIONS + 1)]

Header = Mapping[str, str | int]

_Value = TypeVar("_Value")


def encode_arrays(header: Header, arrays: State) -> bytes:
    """A header and int32, int64, float64 or uint8 arrays of at most 4 dimensions as one container.

    Raises BadState on any other array or header value.
    """
    parts = [_MAGIC, _number(len(header))]
    for key in sorted(header):
        parts += [_text(key), _entry(header[key])]
    parts.append(_number(len(arrays)))
    for name in sorted(arrays):
        parts += [_text(name), *_array(name, arrays[name])]
    return b"".join(parts)


def decode_arrays(data: bytes) -> tuple[dict[str, str | int], dict[str, NDArray[Any]]]:
    """The header and arrays that `encode_arrays` was given, arrays read-only.  Raises BadState on any other bytes."""
    source = _Source(data)
    if source.take(len(_MAGIC)) != _MAGIC:
        raise BadState("these bytes are no array container of this version")
    header = source.entries(_Source.value)
    arrays = source.entries(_Source.array)
    if source.at != len(data):
        raise BadState("bytes follow the end of the array container")
    return header, arrays


def encode_state(learner: Learner, state: State) -> bytes:
    """A state's canonical bytes: equal states give equal bytes.

    Raises BadState unless it is a canonical state of this learner.
    """
    _check(learner, state)
    return encode_arrays(_header(learner), state)


def decode_state(learner: Learner, data: bytes) -> State:
    """The state with these bytes, its arrays read-only.

    Raises BadState unless they are a canonical state of this learner with these settings.
    """
    header, state = decode_arrays(data)
    if header != _header(learner):
        raise BadState("the state is of another learner, or of one with other settings")
    _check(learner, state)
    return state


def digest(learner: Learner, state: State) -> str:
    """sha256 of the state's canonical bytes, in hex.  Raises BadState as `encode_state` does."""
    return hashlib.sha256(encode_state(learner, state)).hexdigest()


def settings_hash(learner: Learner) -> str:
    """sha256 of the learner's settings as canonical JSON, in hex."""
    text = json.dumps(learner.settings(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _header(learner: Learner) -> dict[str, str | int]:
    return {"format": _STATE, "learner": learner.id, "settings": settings_hash(learner)}


def _check(learner: Learner, state: State) -> None:
    for name, array in state.items():
        if array.dtype.kind == "f" and not _plain(array):
            raise BadState(f"{name} holds NaN, infinity, -0.0 or a subnormal number")
    learner.check(state)


def _plain(array: NDArray[np.float64]) -> bool:
    size = np.abs(array)
    normal = np.isfinite(array) & (size >= np.finfo(np.float64).tiny)
    return bool(np.all(normal | ((array == 0) & ~np.signbit(array))))


def _number(value: int) -> bytes:
    return _U32.pack(value)


def _text(value: str) -> bytes:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise BadState("a name in the array container is not UTF-8") from None
    return _number(len(data)) + data


def _entry(value: str | int) -> bytes:
    if isinstance(value, str):
        return b"s" + _text(value)
    if isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise BadState("a header holds texts and 64-bit numbers")
    return b"i" + _I64.pack(value)


def _array(name: str, array: NDArray[Any]) -> list[bytes]:
    if array.dtype.str not in _DTYPES or array.ndim > _MAX_DIMENSIONS:
        raise BadState(f"{name} has a dtype or shape that has no place in a container")
    shape_and_size = _SHAPES_AND_SIZE[array.ndim].pack(*array.shape, array.nbytes)
    return [_text(array.dtype.str), _U8.pack(array.ndim), shape_and_size, array.tobytes()]


class _Source:
    """Reads the container's parts in order, never beyond its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        return self.data[self._pass(size) : self.at]

    def number(self, layout: struct.Struct = _U32) -> int:
        return self._numbers(layout)[0]

    def text(self) -> str:
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise BadState("a name in the array container is not UTF-8") from None

    def entries(self, value: Callable[[_Source], _Value]) -> dict[str, _Value]:
        found: dict[str, _Value] = {}
        last: str | None = None
        for _ in range(self.number()):
            name = self.text()
            if last is not None and name <= last:
                raise BadState("names in the array container are not in order")
            found[name] = value(self)
            last = name
        return found

    def value(self) -> str | int:
        kind = self.take(1)
        if kind == b"s":
            return self.text()
        if kind != b"i":
            raise BadState("a header entry is neither text nor number")
        return self.number(_I64)

    def array(self) -> NDArray[Any]:
        dtype = _DTYPES.get(self.text())
        dimensions = self.number(_U8)
        if dtype is None or dimensions > _MAX_DIMENSIONS:
            raise BadState("an array has a dtype or shape that has no place in a container")
        *shape, size = self._numbers(_SHAPES_AND_SIZE[dimensions])
        count = prod(shape)
        if size != count * dtype.itemsize:
            raise BadState("an array's size does not follow from its shape")
        start = self._pass(size)
        # A copy: the bytes inside the container are not aligned.
        try:
            array: NDArray[Any] = np.frombuffer(self.data, dtype, count, start).reshape(shape).copy()
        except (ValueError, OverflowError):
            raise BadState("an array has a shape that no memory holds") from None
        array.flags.writeable = False
        return array

    def _numbers(self, layout: struct.Struct) -> tuple[int, ...]:
        try:
            found = layout.unpack_from(self.data, self.at)
        except struct.error:
            raise _cut_short() from None
        self.at += layout.size
        return found

    def _pass(self, size: int) -> int:
        """Step over `size` bytes. Returns where they start."""
        start = self.at
        if size > len(self.data) - start:
            raise _cut_short()
        self.at = start + size
        return start


def _cut_short() -> BadState:
    return BadState("the array container is cut short")
