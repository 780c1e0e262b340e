"""Shards whose job ended together with its trainer process, so that its job or another one was the cause. Pure.

The first of them runs alone next: if the process ends again, it was that one.
"""

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
        """Make the shard the last suspect, unless it is one."""
        if who not in self._all:
            self._all.append(who)

    def clear(self, who: Who) -> None:
        """Make the shard no suspect."""
        self._all = [suspect for suspect in self._all if suspect != who]

    def keep_waiting(self, partition: int, waiting: AbstractSet[int]) -> None:
        """Of the partition's suspects keep those with something to train: others would hold up all jobs for ever."""
        self._all = [who for who in self._all if who[0] != partition or who[1] in waiting]

    def forget_partition(self, partition: int) -> None:
        """Drop all suspects of the partition."""
        self._all = [suspect for suspect in self._all if suspect[0] != partition]

    def is_first(self, who: Who) -> bool:
        """Whether the shard is the suspect that may run, alone."""
        return self._all[:1] == [who]

    def may_run(self, who: Who, idle: bool) -> bool:
        """Whether a job may start: there are no suspects, or it is the first one's and no other runs (`idle`)."""
        return not self._all or (self._all[0] == who and idle)
