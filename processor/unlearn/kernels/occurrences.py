"""Which digests of a batch occur first, and which occur again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import flag, i32, i64, kernel, none, reads, u8, writes


@kernel(flag, reads(u8, 2), i64, i64)
def _same(digests: NDArray[np.uint8], one: int, other: int) -> bool:
    byte, size = 0, int(digests.shape[1])
    while byte < size and digests[one, byte] == digests[other, byte]:
        byte += 1
    return byte == size


@kernel(none, reads(u8, 2), writes(i32), writes(i32))
def first_occurrences(digests: NDArray[np.uint8], table: NDArray[np.int32], first: NDArray[np.int32]) -> None:
    """Kernel: for each digest (n, 8 or more bytes) the row where it occurs first.

    `table`: -1 in each place, a power of two of places, at least 2 n. The digests are uniform, so their bytes are
    their hash.
    """
    mask = np.int64(len(table) - 1)
    for i in range(len(digests)):
        at = np.int64(0)
        for byte in range(4):
            at |= np.int64(digests[i, byte]) << np.int64(8 * byte)
        at &= mask
        while table[at] >= 0 and not _same(digests, table[at], i):
            at = (at + 1) & mask
        if table[at] < 0:
            table[at] = i
        first[i] = table[at]
