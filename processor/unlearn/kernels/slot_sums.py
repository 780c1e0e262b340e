"""Sums of slots' hashes, by shard: `unlearn.partition.slices.lineage.sum_slots` of many rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels.blake2b import absorb_number
from unlearn_models.base.kernel import i32, i64, kernel, none, reads, u64, writes


@kernel(none, reads(u64), i64, reads(i64), reads(i32), writes(u64, 2), writes(i64))
def slot_sums(
    keyed: NDArray[np.uint64],
    before: int,
    slots: NDArray[np.int64],
    shards: NDArray[np.int32],
    sums: NDArray[np.uint64],
    counts: NDArray[np.int64],
) -> None:
    """Kernel: add each slot's hash of 128 bits to its shard's row of `sums` (low word, high word), and count it."""
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    for i in range(len(slots)):
        absorb_number(keyed, before, slots[i], h, m)
        shard = shards[i]
        low = sums[shard, 0] + h[0]
        carry = np.uint64(1) if low < h[0] else np.uint64(0)
        sums[shard, 0] = low
        sums[shard, 1] = sums[shard, 1] + h[1] + carry
        counts[shard] += 1
