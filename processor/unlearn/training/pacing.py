"""How long a shard that only new rows have put behind waits for its next job, so that it learns several slices at once.

A job reads and writes the shard's whole state, however few rows it learns. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LONGEST", "Paces", "wait_after"]

_SHARE = 50
"""What is gathered for takes at most so small a part of the time, a fiftieth, unless `LONGEST` is over before."""
LONGEST = 5.0
"""Seconds that anything waits at most."""

Who = tuple[int, int]
"""(partition, shard)."""


def wait_after(cost: float, shards: int) -> float:
    """Seconds from the end of what took `cost` seconds of one shard to its next turn, with so many shards."""
    return min(LONGEST, _SHARE * cost * shards)


class _Last(NamedTuple):
    at: float
    """When the job ended (monotonic seconds)."""
    cost: float
    through: int


class Paces:
    """The last job of each shard, of those that left nothing to learn."""

    def __init__(self) -> None:
        self._last: dict[Who, _Last] = {}

    def note(self, who: Who, at: float, cost: float, through: int) -> None:
        """A job of the shard has ended: it took `cost` seconds, and reached the newest slice there was, `through`."""
        self._last[who] = _Last(at, cost, through)

    def forget(self, who: Who) -> None:
        """The shard's next job doesn't wait."""
        self._last.pop(who, None)

    def forget_partition(self, partition: int) -> None:
        """No shard of the partition waits."""
        self._last = {who: last for who, last in self._last.items() if who[0] != partition}

    def holds(self, who: Who, through: int) -> bool:
        """Whether the shard still has the state that its last job made; `through`: its newest state's."""
        last = self._last.get(who)
        return last is not None and through >= last.through

    def ripe(self, who: Who, now: float, shards: int) -> bool:
        """Whether the wait after the shard's last job is over; `shards`: how many the partition has."""
        last = self._last.get(who)
        partitions = {partition for partition, _ in self._last}
        return last is None or now - last.at >= wait_after(last.cost, shards * len(partitions))
