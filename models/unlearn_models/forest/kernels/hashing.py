"""The hashes that make every random choice; each depends on a node's key and on what is chosen alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, u64
from unlearn_models.forest.kernels.signatures import HALF

M1 = np.uint64(0xFF51AFD7ED558CCD)
M2 = np.uint64(0xC4CEB9FE1A85EC53)
STEP = np.uint64(0x9E3779B97F4A7C15)
S33 = np.uint64(33)


@lean_kernel(u64, u64)
def mix(x: Any) -> Any:
    """The 64-bit finaliser of MurmurHash3, a bijection."""
    x = (x ^ (x >> S33)) * M1
    x = (x ^ (x >> S33)) * M2
    return x ^ (x >> S33)


@lean_kernel(u64, u64, i64)
def child_key(key: Any, side: Any) -> Any:
    """The key of a node's child from the node's own; side 0 is left, 1 is right."""
    return mix(key + np.uint64(side + 1) * STEP)


@lean_kernel(i64, u64, i64)
def feature_rank(key: Any, feature: Any) -> Any:
    """A feature's rank at the node with this key: the lowest are chosen.

    22 bits of hash above 10 bits of feature, so ranks are distinct and below 2**32.
    """
    x = (key ^ (np.uint64(feature + 1) * np.uint64(0x9E3779B1))) & HALF
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & HALF
    x = ((x ^ (x >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & HALF
    return np.int64(((x ^ (x >> np.uint64(16))) & np.uint64(0xFFFFFC00)) | np.uint64(feature))


@lean_kernel(u64, u64, i64)
def value_salt(key: Any, feature: Any) -> Any:
    """What the bits of a feature's values are hashed with at the node with this key."""
    return mix(key ^ (np.uint64(feature + 1) * M2))
