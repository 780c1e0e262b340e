"""Which slice ends deserve a checkpoint: a cache, so the choice changes costs and never a result.

A deletion in slice k restarts from the newest checkpoint before it: it learns every row from there to the end.
`spaced` knows nothing of deletions.  `by_age` knows how old those of the past were, counted in slices from the
newest, and takes what saves most under a budget of bytes: an exact choice by dynamic programming, the one-sided
k-median problem on a line (Hassin and Tamir, "Improved complexity bounds for location problems on the real line",
Operations Research Letters 10, 1991) with a knapsack's budget.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_age", "expected_rows", "spaced", "weights_of_ages", "weights_of_runs"]

_UNITS = 256
"""A budget is counted in so many parts, sizes rounded up: never more bytes than allowed, maybe some less."""
_RATE = 0.5
"""What each slice weighs before any deletion is counted: half a deletion, so that none counts as never hit."""


def spaced(ends: Iterable[int], limit: int) -> set[int]:
    """At most `limit` of the ends: with the empty state, they cut the ends into runs of about equal length."""
    ordered = sorted(ends)
    if len(ordered) <= limit:
        return set(ordered)
    step = (len(ordered) + 1) / (limit + 1)
    return {ordered[round((i + 1) * step) - 1] for i in range(limit)}


def by_age(
    ends: Sequence[int], sizes: Sequence[int], rows: Sequence[int], weights: Sequence[float], budget: int
) -> set[int]:
    """The ends whose states save the most rows of relearning within `budget` bytes.  Ends ascend; sizes are in bytes.

    rows     in the slice before each end, and in those behind the last: one more than ends
    weights  how many deletions to expect in each of these slices, on any scale
    Ties go to the older end.  Takes slices**2 * 256 steps at most.
    """
    unit = max(1, -(-budget // _UNITS))
    costs = np.array([-(-size // unit) for size in sizes], np.int64)
    room = budget // unit
    saved, choice = _best(costs, np.asarray(rows, np.float64), np.asarray(weights, np.float64), room)
    chosen: set[int] = set()
    at, left = len(ends), int(np.argmax(saved[len(ends)]))
    while (at := int(choice[at, left])) >= 0:
        chosen.add(ends[at])
        left -= int(costs[at])
    return chosen


def expected_rows(ends: Sequence[int], kept: set[int], rows: Sequence[int], weights: Sequence[float]) -> float:
    """Mean number of rows to learn again for one deletion if the ends in `kept` are kept.  Others as in `by_age`."""
    behind = np.append(np.cumsum(np.asarray(rows, np.float64)[::-1])[::-1], 0.0)
    starts = [0, *(at + 1 for at, end in enumerate(ends) if end in kept)]
    begun = [max(start for start in starts if start <= k) for k in range(len(rows))]
    return float(np.average(behind[begun], weights=weights))


def weights_of_ages(ages: Iterable[int], slices: int) -> list[float]:
    """How many deletions to expect in each of `slices` slices, oldest first, from the ages of past ones.

    Age 0 is the newest slice; what is older than all slices counts for the oldest.
    """
    weights = [_RATE] * slices
    for age in ages:
        weights[max(0, slices - 1 - age)] += 1.0
    return weights


def weights_of_runs(ages: Iterable[int], counts: Sequence[int]) -> list[float]:
    """The sums of `weights_of_ages` over runs of slices, without a step for each slice.

    counts: how many slices there are up to the end of each run, in order; the last run ends with the newest slice.
    """
    weights = [_RATE * (after - before) for before, after in pairwise([0, *counts])]
    for age in ages:
        weights[min(bisect_right(counts, max(0, counts[-1] - 1 - age)), len(weights) - 1)] += 1.0
    return weights


def _best(
    costs: NDArray[np.int64], rows: NDArray[np.float64], weights: NDArray[np.float64], room: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """saved[at, r]: the most that ends before `at` save for r units spent, if the next one kept is `at`.

    choice[at, r]: the newest of these ends, -1 for none.  A kept end saves each deletion in one of the slices up to the
    next kept end the learning of all rows before it.
    """
    n = len(costs)
    before = np.cumsum(rows)
    hits = np.append(0.0, np.cumsum(weights))
    saved = np.full((n + 1, room + 1), -np.inf)
    choice = np.full((n + 1, room + 1), -1, np.int64)
    saved[:, 0] = 0.0
    for at in range(1, n + 1):
        for end in range(at):
            cost = int(costs[end])
            if cost > room:
                continue
            gain = saved[end, : room + 1 - cost] + (hits[at + 1] - hits[end + 1]) * before[end]
            better = gain > saved[at, cost:]
            saved[at, cost:][better] = gain[better]
            choice[at, cost:][better] = end
    return saved, choice
