"""How long a shard's next clean-up waits while events go on coming: one walk through its files then buries the rows of
several subjects. Pure."""

from __future__ import annotations

from math import inf

from unlearn.training.pacing import LONGEST, wait_after

__all__ = ["MOST_SUBJECTS", "WalkPaces"]

MOST_SUBJECTS = 1000
"""Clean-ups that one walk works on at most; where so many wait, more would save nothing."""


class WalkPaces:
    """When the shards of a partition were walked through last, and what that took. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._spent: dict[int, float] = {}
        """By shard, what the walk under way has taken so far."""
        self._next_at: dict[int, float] = {}
        self._again_at: dict[int, float] = {}
        """By shard, when a walk that failed is tried again."""

    def due(self, shard: int, waiting: int, now: float, *, gathers: bool) -> bool:
        """Whether the shard's next walk may begin, or the one under way go on, with so many clean-ups open there.

        Where nothing is gathered, only one that has failed waits, so that a file which can't be read holds up its own
        shard alone.
        """
        if now < self._again_at.get(shard, -inf):
            return False
        return not gathers or shard in self._spent or waiting >= MOST_SUBJECTS or now >= self._next_at.get(shard, -inf)

    def took(self, shard: int, seconds: float) -> None:
        """A step of the shard's walk took so long, and there is more to walk."""
        self._spent[shard] = self._spent.get(shard, 0.0) + seconds

    def ended(self, shard: int, seconds: float, now: float, shards: int) -> None:
        """The last step of the shard's walk took so long; the partition has so many `shards`."""
        self._next_at[shard] = now + wait_after(self._spent.pop(shard, 0.0) + seconds, shards)

    def failed(self, shard: int, now: float) -> None:
        """A step of the shard's walk has failed."""
        self._again_at[shard] = now + LONGEST
