"""Pending deletions by what each waits for, so that a turn looks only at those that may be hidden by now.

A deletion waits until a manifest of each partition where it counts has applied it. It waits for one of these at a time;
when that partition has come far enough, the next one that lacks is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import takewhile

__all__ = ["WaitingDeletions"]


class WaitingDeletions:
    """Of one claim: which pending deletions are to be looked at now, and which wait for a partition."""

    def __init__(self) -> None:
        self._newest = -1
        self._now: dict[int, None] = {}
        self._behind: dict[int, list[tuple[int, int]]] = {}
        """Partition -> heap of (offset that it must have applied, the deletion's offset)."""

    def add(self, newest_first: Iterable[int]) -> None:
        """Look at the deletions that are new since the last call: their offsets, and those of all others, falling."""
        fresh = list(takewhile(lambda offset: offset > self._newest, newest_first))
        self._now |= dict.fromkeys(reversed(fresh))
        self._newest = fresh[0] if fresh else self._newest

    def wake(self, applied: Callable[[int], int]) -> None:
        """Look again at those whose partition has come far enough. `applied` gives how far a partition has come."""
        for partition, heap in self._behind.items():
            come_to = applied(partition) if heap else 0
            while heap and heap[0][0] < come_to:
                self._now[heappop(heap)[1]] = None

    def looked_at(self) -> list[int]:
        """The offsets of those to look at now. They stay so until they are put behind a partition, or are done."""
        return list(self._now)

    def put_behind(self, partition: int, needed: int, offset: int) -> None:
        """Leave a deletion alone until the partition has applied the offset `needed`."""
        self.done(offset)
        heappush(self._behind.setdefault(partition, []), (needed, offset))

    def done(self, offset: int) -> None:
        """The deletion waits no more."""
        self._now.pop(offset, None)
