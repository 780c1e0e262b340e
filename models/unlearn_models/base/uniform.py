"""The prediction of a model that has learned nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.rows import Rows


@dataclass(frozen=True, slots=True)
class Uniform:
    """An `Ensemble` without rows: every class has the probability 1 / n_classes."""

    n_classes: int

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """(n, classes) float64, all entries 1 / n_classes."""
        return np.full((len(rows), self.n_classes), 1.0 / self.n_classes)
