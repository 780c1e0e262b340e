"""How long a shard's next clean-up waits while events go on coming: one walk through its files then buries the rows of
several subjects. Pure."""

from __future__ import annotations

from math import inf

__all__ = ["MOST_SUBJECTS", "WalkPaces"]

MOST_SUBJECTS = 1000
"""Clean-ups that one walk works on at most; where so many wait, more would save nothing."""
_SHARE = 40
"""A partition's walks take at most so small a part of the time: a fortieth."""
_LONGEST = 5.0
"""Seconds that a shard waits for its next walk at most."""


class WalkPaces:
    """When each shard of a partition was walked through last, and what that took. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._spent: dict[int, float] = {}
        """By shard, what the walk under way has taken so far."""
        self._next_at: dict[int, float] = {}

    def due(self, shard: int, waiting: int, now: float) -> bool:
        """Whether the shard's next walk may begin, or the one under way go on, with so many clean-ups open there."""
        return shard in self._spent or waiting >= MOST_SUBJECTS or now >= self._next_at.get(shard, -inf)

    def took(self, shard: int, seconds: float) -> None:
        """A step of the shard's walk took so long, and there is more to walk."""
        self._spent[shard] = self._spent.get(shard, 0.0) + seconds

    def ended(self, shard: int, seconds: float, now: float, shards: int) -> None:
        """The last step of the shard's walk took so long; the partition has so many `shards`."""
        cost = self._spent.pop(shard, 0.0) + seconds
        self._next_at[shard] = now + min(_LONGEST, _SHARE * cost * shards)
