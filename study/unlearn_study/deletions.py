"""Which rows a run deletes, and how many runs there are for each size of batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FULL", "QUICK", "Effort", "batch", "recent"]

_MEAN_AGE = 0.05


@dataclass(frozen=True, slots=True)
class Effort:
    """runs: number of rows to delete -> number of runs of the method.

    In the first `paired` of them naive retraining is timed as well, in turns, and the model is compared with a
    retrained one.
    """

    runs: dict[int, int]
    paired: int

    def counts(self, rows: int) -> list[int]:
        """The sizes of batches that leave at least half of the rows."""
        return [count for count in self.runs if count <= rows // 2]


FULL = Effort({1: 25, 10: 11, 100: 7, 1000: 5}, paired=5)
QUICK = Effort({1: 5, 10: 5, 100: 5}, paired=5)


def recent(rows: int, run: int, seed: int) -> NDArray[np.int64]:
    """One position below `rows`, (1,) int64; its distance from the end is exponential with a mean of 5% of `rows`."""
    rng = np.random.default_rng([seed, rows, run])
    age = int(rng.exponential(_MEAN_AGE * rows))
    return np.array([rows - 1 - age % rows], np.int64)


def batch(rows: int, count: int, run: int, seed: int) -> NDArray[np.int64]:
    """`count` distinct positions below `rows`, (count,) int64, ascending, all equally likely.

    Run and seed decide them, so every method gets the same ones.
    """
    rng = np.random.default_rng([seed, count, run])
    return np.sort(rng.choice(rows, count, replace=False)).astype(np.int64)
