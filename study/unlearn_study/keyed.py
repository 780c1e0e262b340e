"""Draws by a keyed hash of the subject, so that no record's draw depends on another record."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["draws"]


def draws(names: Sequence[str], seed: int, purpose: str) -> NDArray[np.uint64]:
    """For each name a number uniform in 0..2**64-1, (n,) uint64.

    Equal names get equal numbers; for another seed or purpose (of at most 16 bytes) they are independent.
    """
    key, person = str(seed).encode(), purpose.encode()
    found: dict[str, int] = {}
    for name in names:
        if name not in found:
            hashed = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=key, person=person)
            found[name] = int.from_bytes(hashed.digest(), "little")
    return np.array([found[name] for name in names], np.uint64)
