"""Complement naive Bayes: each class is scored by the counts of all other classes.

Rennie, Shih, Teevan and Karger, "Tackling the Poor Assumptions of Naive Bayes Text Classifiers" (ICML 2003),
sections 3.1 and 3.2 (`norm`), as scikit-learn's ComplementNB on the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import BadSettings
from unlearn_models.base.learner import JSON
from unlearn_models.naive_bayes.base import Counting, Totals, seen_only


@dataclass(frozen=True, slots=True)
class ComplementNaiveBayes(Counting):
    """`alpha` is added to every count; `norm` divides each class's weights by their sum.  Raises BadSettings."""

    norm: bool = False

    id: ClassVar[str] = "complement-naive-bayes"

    def __post_init__(self) -> None:
        Counting.__post_init__(self)
        if type(self.norm) not in (bool, int) or self.norm not in (0, 1):
            raise BadSettings("norm must be true or false")

    def settings(self) -> dict[str, JSON]:
        return {**Counting.settings(self), "norm": self.norm}

    def weights(self, columns: NDArray[np.int64], totals: Totals) -> NDArray[np.float64]:
        logs = self._logs(columns, totals)
        return logs / self._sums(totals)[:, None] if self.norm else -logs

    def prior(self, totals: Totals) -> NDArray[np.float64]:
        return seen_only(totals.rows, np.zeros(len(totals.rows)))

    def _logs(self, columns: NDArray[np.int64], totals: Totals) -> NDArray[np.float64]:
        """Log of each feature's smoothed share of all counts outside a class, (classes, w)."""
        others = columns.sum(axis=0) + self.alpha - columns
        total = totals.counts.sum() - totals.counts + self.alpha * self.n_features
        logs: NDArray[np.float64] = np.log(others / total[:, None])
        return logs

    def _sums(self, totals: Totals) -> NDArray[np.float64]:
        """The sum of `_logs` over all features, (classes,); features never seen all have the same log."""
        features = np.unique(np.concatenate([state["features"] for state in totals.states]))
        unseen = self._logs(np.zeros((len(totals.rows), 1), np.int64), totals)[:, 0]
        sums: NDArray[np.float64] = self._logs(totals.columns(features), totals).sum(axis=1)
        return sums + (self.n_features - len(features)) * unseen
