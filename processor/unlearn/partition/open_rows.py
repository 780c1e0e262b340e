"""Rows on their way to slice files: accepted, and held in memory until their slice is registered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn.partition.rows import NEVER, Members

__all__ = ["OpenRows"]


class OpenRows:
    """The accepted rows whose slice is not registered yet, in slot order, by shard."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int32], Members]] = []
        self._dead: set[int] = set()

    def add(self, shards: NDArray[np.int32], members: Members) -> None:
        """Add accepted rows, in slot order and behind those that are here; `shards` (n,) int32 is each row's shard."""
        if len(members):
            self._parts.append((shards, members))

    def kill(self, slots: Sequence[int]) -> None:
        """Note the slots of rows that have a hole in Redis; slots that aren't here do no harm."""
        self._dead.update(slots)

    def select(self, end: int) -> dict[int, Members]:
        """Shard -> its rows below a slice's end that have no hole."""
        shards, members = self._below(end)
        alive = ~np.isin(members.slots, np.fromiter(self._dead, np.int64, len(self._dead)))
        return {int(shard): members.take((shards == shard) & alive) for shard in np.unique(shards[alive])}

    def all(self) -> Members:
        """Every row that is here and has no hole."""
        _, members = self._below(NEVER)
        return members.take(~np.isin(members.slots, np.fromiter(self._dead, np.int64, len(self._dead))))

    def drop(self, end: int) -> None:
        """Let go of the rows below the end of a slice that is registered: from now on they are read from its files."""
        shards, members = self._below(NEVER)
        keep = members.slots >= end
        self._parts = [(shards[keep], members.take(keep))] if keep.any() else []
        self._dead = {slot for slot in self._dead if slot >= end}

    def __len__(self) -> int:
        return sum(len(members) for _, members in self._parts)

    def _below(self, end: int) -> tuple[NDArray[np.int32], Members]:
        if len(self._parts) > 1:
            shards = np.concatenate([shards for shards, _ in self._parts])
            self._parts = [(shards, Members.concat([members for _, members in self._parts]))]
        if not self._parts:
            return np.zeros(0, np.int32), Members.empty()
        shards, members = self._parts[0]
        if end > int(members.slots[-1]):
            return shards, members
        below = members.slots < end
        return shards[below], members.take(below)
