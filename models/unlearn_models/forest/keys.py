"""A row's key: a hash of its content."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import i32, i64, kernel, none, reads, u64, writes
from unlearn_models.base.rows import Rows

_S32 = np.uint64(32)
_M1 = np.uint64(0xD6E8FEB86659FD93)
_M2 = np.uint64(0xA0761D6478BD642F)


def row_keys(rows: Rows, seed: int) -> NDArray[np.uint64]:
    """Hashes (n,) uint64 of each row's label, indices and values, keyed by the seed; equal rows have equal keys."""
    out = np.empty(len(rows), np.uint64)
    _hash(rows.labels, rows.indptr, rows.indices, rows.values.view(np.uint64), np.uint64(seed), out)
    return out


@kernel(u64, u64, u64)
def _mix(h: Any, x: Any) -> Any:
    h = (h ^ x) * _M1
    h = (h ^ (h >> _S32)) * _M2
    return h ^ (h >> _S32)


@kernel(none, reads(i32), reads(i64), reads(i32), reads(u64), u64, writes(u64))
def _hash(labels: Any, indptr: Any, indices: Any, values: Any, seed: Any, out: Any) -> None:
    start = _mix(seed, _M2)
    for row in range(len(out)):
        h = _mix(start, np.uint64(labels[row]))
        for cell in range(indptr[row], indptr[row + 1]):
            h = _mix(_mix(h, np.uint64(indices[cell] + 1)), values[cell])
        out[row] = _mix(h, np.uint64(indptr[row + 1] - indptr[row]))
