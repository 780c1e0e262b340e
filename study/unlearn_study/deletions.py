"""Which rows a run deletes, and how many runs a batch gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FULL", "QUICK", "Effort", "batch", "recent"]

_MEAN_AGE = 0.05


@dataclass(frozen=True, slots=True)
class Effort:
    """runs: rows to delete -> runs of the method.  paired: in so many of them naive retraining is timed as well,
    right after, and the model is compared with a retrained one.
    """

    runs: dict[int, int]
    paired: int

    def counts(self, rows: int) -> list[int]:
        """The batches that leave at least half of the rows."""
        return [count for count in self.runs if count <= rows // 2]


FULL = Effort({1: 25, 10: 11, 100: 7, 1000: 5}, paired=5)
QUICK = Effort({1: 5, 10: 5, 100: 5}, paired=5)


def recent(rows: int, run: int, seed: int) -> NDArray[np.int64]:
    """One position below `rows`, near the end: ages are exponential with a mean of 5% of the log."""
    rng = np.random.default_rng([seed, rows, run])
    age = int(rng.exponential(_MEAN_AGE * rows))
    return np.array([rows - 1 - age % rows], np.int64)


def batch(rows: int, count: int, run: int, seed: int) -> NDArray[np.int64]:
    """`count` distinct positions below `rows`, all equally likely, ascending; the same for every method."""
    rng = np.random.default_rng([seed, count, run])
    return np.sort(rng.choice(rows, count, replace=False)).astype(np.int64)
