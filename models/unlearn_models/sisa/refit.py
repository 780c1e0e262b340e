"""Naive retraining at its fastest: rows stay prepared for the learner's fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.fold import begin

__all__ = ["Refit"]


class Refit:
    """The baseline of costs: each `fit` learns all rows left from the empty state.  Raises BadRows."""

    def __init__(self, learner: Learner, rows: Rows) -> None:
        self._fold, self._size = begin(learner), len(rows)
        self._rows = self._fold.prepare(rows)

    def fit(self) -> None:
        """Learn all rows left from the empty state."""
        self._fold.rewind(0)
        self._rows.learn(0, [self._size])

    def strike(self, positions: NDArray[np.int64]) -> None:
        """Remove the rows at these positions from the next `fit` on.  Raises IndexError for a position out of range."""
        self._rows.strike(positions)

    def state(self) -> State:
        """The state of the last `fit`; the empty one before the first."""
        return self._fold.state()
