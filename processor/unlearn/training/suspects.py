"""Jobs that ended with their trainer: the first of them runs alone, so that one that kills shows. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

__all__ = ["Suspects"]

Who = tuple[int, int]
"""(partition, shard)."""


class Suspects:
    """Shards whose last job ended together with the process that ran it, in the order in which that happened."""

    def __init__(self) -> None:
        self._all: list[Who] = []

    def add(self, who: Who) -> None:
        if who not in self._all:
            self._all.append(who)

    def clear(self, who: Who) -> None:
        self._all = [suspect for suspect in self._all if suspect != who]

    def keep_waiting(self, partition: int, waiting: AbstractSet[int]) -> None:
        """Of the partition only the shards that have something left to train: another would hold up all for ever."""
        self._all = [who for who in self._all if who[0] != partition or who[1] in waiting]

    def forget_partition(self, partition: int) -> None:
        self._all = [suspect for suspect in self._all if suspect[0] != partition]

    def is_first(self, who: Who) -> bool:
        return self._all[:1] == [who]

    def may_run(self, who: Who, idle: bool) -> bool:
        """Whether a job may start; `idle`: no other runs."""
        return not self._all or (self._all[0] == who and idle)
