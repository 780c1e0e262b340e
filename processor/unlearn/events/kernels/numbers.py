"""JSON's numbers: as doubles, and as integers without a sign."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from unlearn.events.event import MAX_VALUE, MIN_VALUE
from unlearn.events.kernels.powers import MOST_DIGITS, UNCERTAIN, double
from unlearn.events.kernels.signatures import BYTES, NO, PLACE_AND_COUNT, PLACE_AND_DIGITS, PLACE_AND_VALUE, Bytes
from unlearn.events.kernels.words import WORD, first_marked, load, word_of
from unlearn_models.base.kernel import flag, i64, lean_kernel, u64

_ZERO: Final = 0x30
_NINE: Final = 0x39
_MINUS: Final = 0x2D
_PLUS: Final = 0x2B
_POINT: Final = 0x2E
_SMALL_E: Final = 0x65
_LARGE_E: Final = 0x45
_EXPONENT_DIGITS: Final = 3
_0, _10 = np.uint64(0), np.uint64(10)
_TENS = np.array([10**i for i in range(WORD + 1)], np.uint64)
_ZEROS = word_of(b"0" * WORD)
_SIXES = word_of(b"\x06" * WORD)
_HIGH_HALVES = word_of(b"\xf0" * WORD)
_TWO_BYTES = np.uint64(0x000000FF000000FF)
_MILLIONS_AND_HUNDREDS = np.uint64(100 + (1000000 << 32))
_TEN_THOUSANDS_AND_ONES = np.uint64(1 + (10000 << 32))
_8, _16, _32 = np.uint64(8), np.uint64(16), np.uint64(32)
_SMALLEST: Final = MIN_VALUE
_LARGEST: Final = MAX_VALUE


@lean_kernel(flag, BYTES, i64, i64)
def is_digit(data: Bytes, at: Any, stop: Any) -> Any:
    """Whether a digit stands here."""
    return at < stop and _ZERO <= data[at] <= _NINE


@lean_kernel(PLACE_AND_COUNT, BYTES, i64, i64, i64)
def integer(data: Bytes, at: Any, stop: Any, most: Any) -> tuple[Any, Any]:
    """The position behind 1 to `most` digits, and their number; a zero stands first only if it stands alone."""
    start, found = at, 0
    while is_digit(data, at, stop):
        if at - start >= most:
            return NO, 0
        found = found * 10 + (data[at] - _ZERO)
        at += 1
    if at == start or (data[start] == _ZERO and at - start > 1):
        return NO, 0
    return at, found


@lean_kernel(PLACE_AND_COUNT, BYTES, i64, i64)
def _exponent(data: Bytes, at: Any, stop: Any) -> tuple[Any, Any]:
    """The position behind what may follow an E, and its number."""
    negative = at < stop and data[at] == _MINUS
    if negative or (at < stop and data[at] == _PLUS):
        at += 1
    start, found = at, 0
    while is_digit(data, at, stop):
        if at - start >= _EXPONENT_DIGITS:
            return NO, 0
        found = found * 10 + (data[at] - _ZERO)
        at += 1
    return (at if at > start else NO), (-found if negative else found)


@lean_kernel(u64, u64)
def _not_digits(word: Any) -> Any:
    """A word in which the lowest byte that isn't 0 is that of the first byte that isn't a digit."""
    return ((word ^ _ZEROS) | ((word + _SIXES) ^ _ZEROS)) & _HIGH_HALVES


@lean_kernel(u64, u64, i64)
def _number(word: Any, size: Any) -> Any:
    """The number that the word's first 1 to 8 bytes are, all digits."""
    digits = (word - _ZEROS) << (_8 * np.uint64(WORD - size))
    pairs = digits * _10 + (digits >> _8)
    high, low = pairs & _TWO_BYTES, (pairs >> _16) & _TWO_BYTES
    return (high * _MILLIONS_AND_HUNDREDS + low * _TEN_THOUSANDS_AND_ONES) >> _32


@lean_kernel(PLACE_AND_DIGITS, BYTES, i64, i64, u64)
def _digits(data: Bytes, at: Any, stop: Any, before: Any) -> tuple[Any, Any]:
    """The position behind the digits here, and the number that they continue."""
    while at + WORD <= stop:
        word = load(data, at)
        others = _not_digits(word)
        size = first_marked(others) if others != _0 else WORD
        if size > 0:
            before = before * _TENS[size] + _number(word, size)
        at += size
        if size < WORD:
            return at, before
    while is_digit(data, at, stop):
        at, before = at + 1, before * _10 + np.uint64(data[at] - _ZERO)
    return at, before


@lean_kernel(i64, BYTES, i64, i64)
def _significant(data: Bytes, at: Any, stop: Any) -> Any:
    """The position of a number's first digit but 0, or `stop`."""
    while at < stop and (data[at] == _ZERO or data[at] == _POINT):
        at += 1
    return at


@lean_kernel(PLACE_AND_VALUE, BYTES, i64, i64)
def value(data: Bytes, at: Any, stop: Any) -> tuple[Any, Any]:
    """The position behind a number that a feature may have, and the double nearest to it."""
    negative = at < stop and data[at] == _MINUS
    if negative:
        at += 1
    start = at
    at, digits = _digits(data, at, stop, _0)
    size = at - start
    if size == 0 or (data[start] == _ZERO and size > 1):
        return NO, 0.0
    exponent = 0
    if at < stop and data[at] == _POINT:
        behind, digits = _digits(data, at + 1, stop, digits)
        exponent = at + 1 - behind
        if exponent == 0:
            return NO, 0.0
        at = behind
    if size - exponent > MOST_DIGITS and at - _significant(data, start, at) > MOST_DIGITS:
        return NO, 0.0
    if at < stop and data[at] in (_SMALL_E, _LARGE_E):
        at, more = _exponent(data, at + 1, stop)
        if at < 0:
            return NO, 0.0
        exponent += more
    found = double(digits, exponent)
    if found == UNCERTAIN or found > _LARGEST or 0.0 < found < _SMALLEST:
        return NO, 0.0
    return at, (-found if negative else found)
