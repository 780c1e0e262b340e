"""Rows on their way to slice files: accepted, and held in memory until their slice is registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.partition.rows import NEVER, Members

__all__ = ["OpenRows"]


class _Part(NamedTuple):
    """Rows in slot order, at least one; `shards` (n,) int32 is each row's shard."""

    shards: NDArray[np.int32]
    members: Members

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Part:
        return _Part(self.shards[which], self.members.take(which))


class OpenRows:
    """The accepted rows whose slice is not registered yet, in slot order, by shard."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._count = 0
        self._dead: set[int] = set()

    def add(self, shards: NDArray[np.int32], members: Members) -> None:
        """Add accepted rows, in slot order and behind those that are here; `shards` (n,) int32 is each row's shard."""
        if len(members):
            self._parts.append(_Part(shards, members))
            self._count += len(members)

    def kill(self, slots: Sequence[int]) -> None:
        """Note the slots of rows that have a hole in Redis; slots that aren't here do no harm."""
        self._dead.update(slots)

    def cut(self, ends: Sequence[int]) -> Mapping[tuple[int, int], Members]:
        """(slice end, shard) -> the slice's rows that have no hole. `ends`: the next slice ends, in order.

        All of them are sorted and copied once, however many slices there are.
        """
        shards, members = self._below(ends[-1])
        slices = np.searchsorted(np.asarray(ends, np.int64), members.slots, side="right")
        order = np.lexsort((shards, slices))
        order = order[self._alive(members)[order]]
        rows, slices, shards = members.take(order), slices[order], shards[order]
        starts = np.flatnonzero(np.diff(slices, prepend=-1) | np.diff(shards, prepend=-1)).tolist()
        return {
            (ends[slices[start]], int(shards[start])): rows.part(start, stop)
            for start, stop in pairwise([*starts, len(order)])
        }

    def all(self) -> Members:
        """Every row that is here and has no hole."""
        members = self._below(NEVER).members
        return members.take(self._alive(members))

    def drop(self, end: int) -> None:
        """Let go of the rows below the end of a slice that is registered: from now on they are read from its files."""
        kept = [part for part in self._parts if part.members.slots[-1] >= end]
        if kept and kept[0].members.slots[0] < end:
            kept[0] = kept[0].take(kept[0].members.slots >= end)
        self._parts, self._count = kept, sum(len(part.members) for part in kept)
        self._dead = {slot for slot in self._dead if slot >= end}

    def __len__(self) -> int:
        return self._count

    def _alive(self, members: Members) -> NDArray[np.bool_]:
        return ~np.isin(members.slots, np.fromiter(self._dead, np.int64, len(self._dead)))

    def _below(self, end: int) -> _Part:
        """The rows below `end`. The parts that they stand in are joined, so that this is done once."""
        count = sum(1 for part in self._parts if part.members.slots[0] < end)
        if not count:
            return _Part(np.zeros(0, np.int32), Members.empty())
        if count > 1:
            shards = np.concatenate([part.shards for part in self._parts[:count]])
            self._parts[:count] = [_Part(shards, Members.concat([part.members for part in self._parts[:count]]))]
        part = self._parts[0]
        return part if part.members.slots[-1] < end else part.take(part.members.slots < end)
