"""The lineage: 128 bits that tell which rows a state holds, by sums over slots per slice, chained over slices.

`h[k]` is the sum of H(slot) mod 2^128 over the live slots of slice k, so a row is taken in or out by one addition or
subtraction. `L[k] = chain(L[k-1], end, h[k])` goes over the slices with rows only; one without rows changes nothing.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["EMPTY", "MODULUS", "chain", "slot_hash"]

MODULUS = 1 << 128
EMPTY = "0" * 32
"""The lineage of a state that has learned nothing."""

_empty_hash = blake2b(digest_size=16, person=b"slot").copy


def slot_hash(slot: int) -> int:
    """H(slot): its BLAKE2b digest of 128 bits as an integer, uniform in [0, 2^128)."""
    digest = _empty_hash()
    digest.update(slot.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")


def chain(before: str, end: int, total: int) -> str:
    """L[k] of L[k-1] (hex), the slice's end and its sum h[k]; call it only for slices with rows."""
    data = bytes.fromhex(before) + end.to_bytes(8, "little") + total.to_bytes(16, "little")
    return blake2b(data, digest_size=16, person=b"lineage").hexdigest()
