"""Sums of slots' hashes: `lineage.slot_hash` of each, added modulo 2^128 by a compiled loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels import slot_sums as kernel
from unlearn.kernels.blake2b import keyed_state

__all__ = ["sum_by_shard", "sum_slots"]

_HALF = 64
_START = keyed_state(b"", b"slot", 16)


def sum_slots(slots: Iterable[int] | NDArray[np.int64]) -> int:
    """The sum of the slots' hashes, mod 2^128; an array is (n,)."""
    found = slots if isinstance(slots, np.ndarray) else np.fromiter(slots, np.int64)
    return sum(total for _, total, _ in sum_by_shard(found, np.zeros(len(found), np.int32)))


def sum_by_shard(slots: NDArray[np.int64], shards: NDArray[np.int32]) -> Iterator[tuple[int, int, int]]:
    """(shard, `sum_slots` of its slots, how many they are) of each shard that has one; slots and shards are (n,)."""
    if not len(slots):
        return
    width = int(shards.max()) + 1
    sums, counts = np.zeros((width, 2), np.uint64), np.zeros(width, np.int64)
    kernel.slot_sums(*_START, np.ascontiguousarray(slots), np.ascontiguousarray(shards), sums, counts)
    for shard in np.flatnonzero(counts).tolist():
        low, high = sums[shard].tolist()
        yield shard, high << _HALF | low, int(counts[shard])
