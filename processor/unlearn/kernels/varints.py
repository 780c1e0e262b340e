"""Numbers and sized bytes as they stand in Kafka's records: varints in zigzag form, as those of protocol buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import i64, kernel, reads, u8

__all__ = ["ODD", "PAIR", "sized_bytes", "varint"]

ODD = -1
PAIR = (i64, i64)
_NONE = -1


@kernel(PAIR, reads(u8), i64, i64)
def varint(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """(the zigzag varint at this byte, where it ends). (0, -1) where it takes more than 9 bytes or reaches beyond
    `end`, and where `at` is -1 already."""
    found, shift = 0, 0
    while 0 <= at < end and shift < 63:
        byte: Any = np.int64(data[at])
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1), at
        shift += 7
    return 0, ODD


@kernel(PAIR, reads(u8), i64, i64)
def sized_bytes(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """(where the bytes begin whose length stands at this byte, where they end).

    The first is -1 for None; the second is -1 where they reach beyond `end`.
    """
    length, at = varint(data, at, end)
    if at < 0 or length < 0:
        return _NONE, at
    if length > end - at:
        return _NONE, ODD
    return at, at + length
