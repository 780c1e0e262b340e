"""How the kernels that grow trees are declared, and what their arguments are.

heap, numbers (see layout);  bits (slots, words) uint64, the columns with at most two values;  ids (numeric columns,
slots) int32, a value's place in its column's dictionary;  labels (slots,);  raw, the dictionaries one after the
other, values as the bits of doubles;  order, each one's places by value, and ranks, where each place stands in that
order;  places (numeric columns, 2): where a dictionary starts, and its length;  where (features,): numeric column,
or -1 - bit;  rows: slots, permuted in place;  image: a cache in the making;  words, tally, scores: room to work in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from models.forest.kernels.stamp import stamped
from models.kernel import f64, i32, i64, reads, writes

u64 = types.uint64
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])

HEAP, NUMBERS, BITS, IDS, LABELS = writes(i32), writes(i64), reads(u64, 2), reads(i32, 2), reads(i32)
RANKS, RAW, ORDER, PLACES, WHERE = reads(i32), reads(u64), reads(i32), reads(i64, 2), reads(i32)
ROWS, IMAGE, WORDS, TALLY, SCORES = writes(i32), writes(i32), writes(u64), writes(i64), writes(f64)
STACK, KEYS = writes(i64, 2), writes(u64)

TABLE = (BITS, IDS, LABELS, RANKS, RAW, ORDER, PLACES, WHERE)
ROOM = (ROWS, ROWS, IMAGE, WORDS, TALLY, SCORES, STACK, KEYS)

HALF = np.uint64(0xFFFFFFFF)
ZERO, ONE, S32, W63 = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(63)
GATHERED = 64
"""Where the rows' bits begin in words; before them, a sketch's hashes."""

_LEAN: dict[str, Any] = {"error_model": "numpy", "_nrt": False}


def kernel(returns: Any, *arguments: Any) -> Callable[[F], F]:
    """As `models.kernel.kernel`, for kernels that call those of the folder's other files, and without counting
    references to arrays, for none is made here: that counting cost a tenth of a deletion."""

    def compiled(function: F) -> F:
        with stamped():
            done: F = numba.njit(returns(*arguments), cache=True, nogil=True, **_LEAN)(function)
        return done

    return compiled
