"""Which rows are held out, by a keyed hash of their content: the same on every machine and in any order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import i32, i64, kernel, none, reads, u64, writes
from unlearn_models.base.rows import Rows

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


def _hash_plainly(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    bits: NDArray[np.uint64],
    seed: np.uint64,
    out: NDArray[np.uint64],
) -> None:
    """As `_hash`: all rows take their next cell at once."""
    out[:] = _mix_all(np.array([seed]))
    sizes = np.diff(indptr)
    for place in range(int(sizes.max(initial=0))):
        rows = np.flatnonzero(sizes > place)
        cells = indptr[rows] + place
        out[rows] = _mix_all(_mix_all(out[rows] ^ indices[cells].astype(np.uint64)) ^ bits[cells])


def _mix_all(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """As `_mix`, of each number; arrays wrap around as they should."""
    x = x + _GOLDEN
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    return x ^ (x >> _31)


@kernel(u64, u64)
def _mix(x: np.uint64) -> np.uint64:
    x += _GOLDEN
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    return x ^ (x >> _31)


@kernel(none, reads(i64), reads(i32), reads(u64), u64, writes(u64), plain=_hash_plainly)
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
