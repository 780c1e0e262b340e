"""Which rows are held out, by a keyed hash of their content: the same on every machine and in any order."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from unlearn_models.base.kernel import i32, i64, kernel, none, reads, writes
from unlearn_models.base.rows import Rows

_u64 = types.uint64
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_BITS = 53


def hashes(rows: Rows, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash (n,) of each row's indices and values, without its label; 0 <= seed < 2**63.

    Each number goes through the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, fig. 16).
    """
    out = np.empty(len(rows), np.uint64)
    _hash(rows.indptr, rows.indices, rows.values.view(np.uint64), np.uint64(seed), out)
    return out


def is_held_out(hashed: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """Which of the hashes (n,) lie in the lowest `share` of their range, (n,) bool; 0 < share < 1."""
    return (hashed >> np.uint64(64 - _BITS)) < np.uint64(int(share * 2.0**_BITS))


@kernel(_u64, _u64)
def _mix(x: np.uint64) -> np.uint64:
    x += _GOLDEN
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    return x ^ (x >> _31)


@kernel(none, reads(i64), reads(i32), reads(_u64), _u64, writes(_u64))
def _hash(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    bits: NDArray[np.uint64],
    seed: np.uint64,
    out: NDArray[np.uint64],
) -> None:
    start = _mix(seed)
    for row in range(len(out)):
        x = start
        for cell in range(indptr[row], indptr[row + 1]):
            x = _mix(x ^ np.uint64(indices[cell]))
            x = _mix(x ^ bits[cell])
        out[row] = x
