"""Which slices of a shard may hold a subject's rows, as far as an owner remembers it.

A slice's subjects are put into a Bloom filter when its file is written, or first read. What isn't in it surely has no
row in that file, nor in any that replaces it: a slice that has ended only loses rows. A claim starts without filters,
and a slice without one may hold anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels import bloom

__all__ = ["SubjectFilters"]

_BITS_A_ROW = 16
"""At so many bits one slice in some 700 is taken for one that holds a subject and doesn't."""
_BLOCK_BYTES = 8 * bloom.WORDS
_PLACE_BYTES = 200
"""What it takes to know where a slice's filter is."""
_FIELD_START = 2
"""Where in a digest the field begins."""


class _Shard:
    """One shard's filters, in one array."""

    def __init__(self) -> None:
        self.words = np.zeros(64 * bloom.WORDS, np.uint64)
        self.used = 0
        """Blocks."""
        self.places: dict[int, tuple[int, int]] = {}
        """Slice end -> (first block, number of blocks)."""

    def add(self, end: int, subjects: NDArray[np.uint8], blocks: int) -> None:
        while (self.used + blocks) * bloom.WORDS > len(self.words):
            # Zeros that nothing was written to take no memory yet.
            more = np.zeros(2 * len(self.words), np.uint64)
            more[: len(self.words)] = self.words
            self.words = more
        mine = self.words[self.used * bloom.WORDS : (self.used + blocks) * bloom.WORDS]
        fields = np.ascontiguousarray(subjects).reshape(-1)
        bloom.add(mine, fields, _FIELD_START, subjects.shape[1])
        self.places[end] = (self.used, blocks)
        self.used += blocks

    def may_hold(self, ends: Sequence[int], subjects: bytes) -> NDArray[np.bool_]:
        unknown = (0, 0)
        places = np.array([self.places.get(end, unknown) for end in ends], np.int64).reshape(-1, 2)
        found: NDArray[np.bool_] = places[:, 1] == 0
        first, blocks = np.ascontiguousarray(places.T)
        bloom.look_in_each(self.words, first, blocks, np.frombuffer(subjects, np.uint8), _FIELD_START, 16, found)
        return found


class SubjectFilters:
    """The filters of one partition under one claim."""

    def __init__(self) -> None:
        self._shards: dict[int, _Shard] = {}
        self._bytes = 0

    def add(self, shard: int, end: int, subjects: NDArray[np.uint8], most_bytes: int) -> None:
        """Remember whose rows are in the file of a slice: their subjects' digests (n, 16).

        Nothing is remembered if the partition's filters then took more than `most_bytes`.
        """
        held = self._shards.setdefault(shard, _Shard())
        blocks = max(1, -(-len(subjects) * _BITS_A_ROW // (8 * _BLOCK_BYTES)))
        more = blocks * _BLOCK_BYTES + _PLACE_BYTES
        if end not in held.places and self._bytes + more <= most_bytes:
            held.add(end, subjects, blocks)
            self._bytes += more

    def forget(self, shard: int, end: int) -> None:
        """Forget a slice: its file isn't the one that was written or read here."""
        if shard in self._shards:
            self._shards[shard].places.pop(end, None)

    def may_hold(self, shard: int, ends: Sequence[int], subjects: bytes) -> list[int]:
        """Those of the slices of a shard that may hold a row of one of the subjects, digests one after another."""
        held = self._shards.get(shard)
        return list(ends) if held is None else list(compress(ends, held.may_hold(ends, subjects)))
