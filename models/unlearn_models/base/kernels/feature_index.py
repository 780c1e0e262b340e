"""A hash index from features to the slots that a learner keeps them in.

It is an array, a power of two long and never full.  An entry is feature * 2**32 + 1 + slot, 0 where the place is free.
Collisions take the next free place: linear probing (Knuth, The Art of Computer Programming 3, section 6.4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import i32, i64, kernel, none, reads, writes

_SPREAD = 0x9E3779B1  # 2**32 over the golden ratio: neighbouring features get places far apart


@kernel(i64, reads(i64), i64)
def place_of(index: NDArray[np.int64], feature: int) -> int:
    """The feature's place in the index, or the free place where it would be inserted."""
    mask = len(index) - 1
    at = (feature * _SPREAD >> 15) & mask
    while index[at] and index[at] >> 32 != feature:
        at = (at + 1) & mask
    return at


@kernel(none, reads(i32), writes(i64))
def file_features(features: NDArray[np.int32], index: NDArray[np.int64]) -> None:
    """Kernel: insert distinct features into an empty index; a feature's slot is its position in `features`."""
    for slot in range(len(features)):
        feature: Any = np.int64(features[slot])
        index[place_of(index, feature)] = (feature << 32) + slot + 1
