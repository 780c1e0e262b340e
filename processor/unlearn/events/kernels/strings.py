"""JSON's strings: ids and the like, which are taken only without escapes, and texts, which are unescaped."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from unlearn.events.event import MAX_TEXT
from unlearn.events.kernels.signatures import BYTES, NO, PLACE_AND_COUNT, Bytes
from unlearn.events.kernels.utf8 import size_of, width
from unlearn.events.kernels.words import WORD, first_marked, load, store, word_of
from unlearn_models.base.kernel import flag, i64, lean_kernel, u8, u64, writes

QUOTE: Final = 0x22
_BACKSLASH: Final = 0x5C
_U: Final = 0x75
_ASCII_END: Final = 0x80
_CONTROL_END: Final = 0x20
_LONGEST_TEXT: Final = MAX_TEXT

_HIGH_BITS = word_of(b"\x80" * WORD)
_ONES = word_of(b"\x01" * WORD)
_QUOTES = word_of(b'"' * WORD)
_BACKSLASHES = word_of(b"\\" * WORD)
_CONTROL_ENDS = word_of(bytes([_CONTROL_END] * WORD))


def _unescaped() -> Bytes:
    table = np.zeros(256, np.uint8)
    for name, meant in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
        table[name] = meant
    return table


_MEANT = _unescaped()
"""By the byte behind a backslash: the character that is meant, 0 where there is none."""
_HEX = np.full(256, 255, np.uint8)
_HEX[list(b"0123456789abcdef")] = range(16)
_HEX[list(b"ABCDEF")] = range(10, 16)
"""By byte: the value of a hexadecimal digit; 255 for another byte."""


@lean_kernel(flag, i64)
def _is_plain(byte: Any) -> Any:
    """Whether the byte is a character of its own that stands for itself in a string."""
    return _CONTROL_END <= byte < _ASCII_END and byte != QUOTE and byte != _BACKSLASH


@lean_kernel(u64, u64)
def _not_plain(word: Any) -> Any:
    """A word in which the lowest byte that isn't 0 is that of the first byte that isn't plain."""
    quotes, backslashes = word ^ _QUOTES, word ^ _BACKSLASHES
    marks = (quotes - _ONES) & ~quotes | (backslashes - _ONES) & ~backslashes
    return (marks | (word - _CONTROL_ENDS) & ~word | word) & _HIGH_BITS


@lean_kernel(i64, BYTES, i64, i64)
def _run_end(data: Bytes, at: Any, stop: Any) -> Any:
    """The position of the first byte from `at` on that isn't plain, or `stop`."""
    while at + WORD <= stop:
        marks = _not_plain(load(data, at))
        if marks != 0:
            return at + first_marked(marks)
        at += WORD
    while at < stop and _is_plain(data[at]):
        at += 1
    return at


@lean_kernel(PLACE_AND_COUNT, BYTES, i64, i64, writes(u8), i64)
def _copy_run(data: Bytes, at: Any, stop: Any, out: Bytes, filled: Any) -> tuple[Any, Any]:
    """As `_run_end`, and how many bytes `out` has with those before."""
    # A string's content is never longer than the string, so there is room in `out` for any word within the message.
    while at + WORD <= stop:
        word = load(data, at)
        store(out, filled, word)
        marks = _not_plain(word)
        if marks != 0:
            size = first_marked(marks)
            return at + size, filled + size
        at, filled = at + WORD, filled + WORD
    while at < stop and _is_plain(data[at]):
        out[filled] = data[at]
        at, filled = at + 1, filled + 1
    return at, filled


@lean_kernel(i64, BYTES, i64, i64, i64)
def plain_string(data: Bytes, at: Any, stop: Any, most: Any) -> Any:
    """The position behind a string without escapes of 1 to `most` characters."""
    if at >= stop or data[at] != QUOTE:
        return NO
    at += 1
    start, beyond = at, 0
    while True:
        at = _run_end(data, at, stop)
        if at >= stop:
            return NO
        if data[at] == QUOTE:
            return at + 1 if 0 < at - start - beyond <= most else NO
        size = width(data, at, stop)
        if size == 0:
            return NO
        at, beyond = at + size, beyond + size - 1


@lean_kernel(i64, BYTES, i64, i64)
def _unit(data: Bytes, at: Any, stop: Any) -> Any:
    """The 16 bits that four hexadecimal digits behind \\u stand for; NO where these aren't there."""
    if at + 6 > stop or data[at] != _BACKSLASH or data[at + 1] != _U:
        return NO
    unit = 0
    for i in range(2, 6):
        digit = int(_HEX[data[at + i]])
        if digit > 15:
            return NO
        unit = unit << 4 | digit
    return unit


@lean_kernel(i64, BYTES, i64, i64)
def _code_point(data: Bytes, at: Any, stop: Any) -> Any:
    """The code point that one \\u or a pair of them stands for; NO for half a pair."""
    high = _unit(data, at, stop)
    if not 0xD800 <= high < 0xE000:
        return high
    low = _unit(data, at + 6, stop)
    if high >= 0xDC00 or not 0xDC00 <= low < 0xE000:
        return NO
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)


@lean_kernel(i64, i64, writes(u8), i64)
def _put(code: Any, out: Bytes, filled: Any) -> Any:
    """Write a code point in UTF-8; returns its size."""
    size = size_of(code)
    for i in range(size - 1, 0, -1):
        out[filled + i] = 0x80 | (code & 0x3F)
        code >>= 6
    out[filled] = code if size == 1 else (0xF00 >> size & 0xFF) | code
    return size


@lean_kernel(PLACE_AND_COUNT, BYTES, i64, i64, writes(u8), i64)
def text(data: Bytes, at: Any, stop: Any, out: Bytes, filled: Any) -> tuple[Any, Any]:
    """The position behind a string of at most MAX_TEXT characters, and how many bytes `out` has with its content."""
    if at >= stop or data[at] != QUOTE:
        return NO, filled
    at += 1
    start, beyond = filled, 0
    while True:
        at, filled = _copy_run(data, at, stop, out, filled)
        if at >= stop:
            return NO, filled
        byte = data[at]
        if byte == QUOTE:
            return (at + 1 if filled - start - beyond <= _LONGEST_TEXT else NO), filled
        if byte >= _ASCII_END:
            size = width(data, at, stop)
            if size == 0:
                return NO, filled
            for i in range(size):
                out[filled + i] = data[at + i]
            at, filled, beyond = at + size, filled + size, beyond + size - 1
        elif byte != _BACKSLASH or at + 1 >= stop:
            return NO, filled
        elif data[at + 1] == _U:
            code = _code_point(data, at, stop)
            if code < 0:
                return NO, filled
            size = _put(code, out, filled)
            at += 12 if code >= 0x10000 else 6
            filled, beyond = filled + size, beyond + size - 1
        else:
            meant = _MEANT[data[at + 1]]
            if meant == 0:
                return NO, filled
            out[filled] = meant
            at, filled = at + 2, filled + 1
