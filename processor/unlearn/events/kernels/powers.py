"""From decimal to the nearest double, or nothing where that isn't certain.

Few digits take the way of William Clinger (1990): one operation on two exact doubles, rounded once. Others take the one
of Michael Eisel and Daniel Lemire (Number Parsing at a Gigabyte per Second, 2021): the product with a power of ten of
128 bits that is rounded down. Where its error could change the result, or the result could be half-way between two
doubles, nothing is said.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, i64, lean_kernel, u64

UNCERTAIN: Final = -1.0
MOST_DIGITS: Final = 19
"""As many always fit 64 bits."""
_LEAST: Final = -60
_MOST: Final = 22
"""The powers of ten in the table: no value that an event may hold needs another."""
_EXACT: Final = 22
"""Powers of ten up to this one are doubles."""
_EXPONENT_BIAS: Final = 1023
_BITS: Final = 128
_LEAST_TWO: Final = -200
_MOST_TWO: Final = 100


def _leading_bits(exponent: int) -> int:
    """The first 128 bits of 10**exponent, rounded down; the first of them is 1."""
    power = Fraction(10) ** exponent
    bits = int(power * 2 ** (4 * _BITS))
    return bits >> (bits.bit_length() - _BITS)


def _halves() -> NDArray[np.uint64]:
    whole = [_leading_bits(exponent) for exponent in range(_LEAST, _MOST + 1)]
    return np.array([(bits >> 64, bits & (2**64 - 1)) for bits in whole], np.uint64)


_TENS = _halves()
"""(exponents, 2) from _LEAST on: the high and the low 64 bits."""
_EXACT_TENS = np.array([float(10**exponent) for exponent in range(_EXACT + 1)])
_TWOS = np.array([2.0**exponent for exponent in range(_LEAST_TWO, _MOST_TWO + 1)])

_0, _1, _3, _9, _32, _63 = (np.uint64(n) for n in (0, 1, 3, 9, 32, 63))
_HALF = np.uint64(0xFFFFFFFF)
_BELOW = np.uint64(0x1FF)
"""The bits of the product's high half below the 55 that are looked at."""
_EXACT_INTEGERS = np.uint64(2**53)


@lean_kernel(u64, u64, u64)
def _high(a: Any, b: Any) -> Any:
    """The high half of a product of 128 bits; the low one is a * b."""
    a_high, a_low, b_high, b_low = a >> _32, a & _HALF, b >> _32, b & _HALF
    middle = a_high * b_low + (a_low * b_low >> _32)
    other = a_low * b_high + (middle & _HALF)
    return a_high * b_high + (middle >> _32) + (other >> _32)


@lean_kernel(i64, u64)
def _leading_zeros(n: Any) -> Any:
    zeros = 0
    for bits in (32, 16, 8, 4, 2, 1):
        if n >> np.uint64(64 - bits) == _0:
            n <<= np.uint64(bits)
            zeros += bits
    return zeros


@lean_kernel(f64, u64, i64)
def _wide(digits: Any, exponent: Any) -> Any:
    """`double` by Eisel and Lemire's way; digits > 0."""
    zeros = _leading_zeros(digits)
    scaled = digits << np.uint64(zeros)
    place = exponent - _LEAST
    high, low = _high(scaled, _TENS[place, 0]), scaled * _TENS[place, 0]
    if high & _BELOW == _BELOW and low + scaled < scaled:
        more, rest = _high(scaled, _TENS[place, 1]), scaled * _TENS[place, 1]
        low += more
        if low < more:
            high += _1
        if high & _BELOW == _BELOW and low + _1 == _0 and rest + scaled < scaled:
            return UNCERTAIN
    top = high >> _63
    mantissa = high >> (top + _9)
    if low == _0 and high & _BELOW == _0 and mantissa & _3 == _1:
        return UNCERTAIN
    mantissa = (mantissa + (mantissa & _1)) >> _1
    # 217706 / 2**16 is the logarithm of 10 to the base 2, near enough to its floor in the table's range.
    two = (217706 * exponent >> 16) + 64 - zeros - (1 if top == _0 else 0) - 52
    if not _LEAST_TWO <= two <= _MOST_TWO:
        return UNCERTAIN
    return float(np.int64(mantissa)) * _TWOS[two - _LEAST_TWO]


@lean_kernel(f64, u64, i64)
def double(digits: Any, exponent: Any) -> Any:
    """The double nearest to digits * 10**exponent; UNCERTAIN where it isn't known."""
    if digits == _0:
        return 0.0
    if digits <= _EXACT_INTEGERS and -_EXACT <= exponent <= _EXACT:
        if exponent < 0:
            return float(np.int64(digits)) / _EXACT_TENS[-exponent]
        return float(np.int64(digits)) * _EXACT_TENS[exponent]
    return _wide(digits, exponent) if _LEAST <= exponent <= _MOST else UNCERTAIN
