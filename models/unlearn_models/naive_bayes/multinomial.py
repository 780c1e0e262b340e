"""Multinomial naive Bayes, as scikit-learn's MultinomialNB on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearn_models.naive_bayes.base import Counting, Totals, seen_only


@dataclass(frozen=True, slots=True)
class NaiveBayes(Counting):
    """Weights: log((count + alpha) / (sum of the class's counts + alpha * n_features)); priors: log share of rows."""

    id: ClassVar[str] = "naive-bayes"

    def weights(self, columns: NDArray[np.int64], totals: Totals) -> NDArray[np.float64]:
        total = np.log(totals.counts + self.alpha * self.n_features)
        weights: NDArray[np.float64] = np.log(columns + self.alpha) - total[:, None]
        return weights

    def prior(self, totals: Totals) -> NDArray[np.float64]:
        return seen_only(totals.rows, np.log(np.maximum(totals.rows, 1)) - np.log(totals.rows.sum()))
