"""Naive retraining at its fastest: rows that stay in the form which the learner's fold learns best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.fold import begin

__all__ = ["Refit"]


class Refit:
    """The line to beat: each fit learns all rows left from an empty state.  Raises BadRows."""

    def __init__(self, learner: Learner, rows: Rows) -> None:
        self._fold, self._size = begin(learner), len(rows)
        self._rows = self._fold.prepare(rows)

    def fit(self) -> None:
        self._fold.rewind(0)
        self._rows.learn(0, [self._size])

    def strike(self, positions: NDArray[np.int64]) -> None:
        """From the next fit on these rows are as if they had never been."""
        self._rows.strike(positions)

    def state(self) -> State:
        """Of the last fit; the empty one before it."""
        return self._fold.state()
