"""Numbers that were seen, counted by size: how often, and what they add up to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["Histogram"]


class Histogram:
    """Counts numbers by upper bounds, which rise; whatever is beyond all of them is counted, too."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def add(self, number: float) -> None:
        """Count a number."""
        self._counts[bisect_left(self._bounds, number)] += 1
        self.sum += number

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many numbers are no larger), the last bound infinite, as Prometheus writes them."""
        found, total = list[tuple[str, float]](), 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, total))
        return found
