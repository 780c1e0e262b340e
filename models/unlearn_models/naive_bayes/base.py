"""What naive Bayes learners share: integer counts by class, so that forgetting is exact subtraction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base import validation
from unlearn_models.base.aggregate import Aggregate
from unlearn_models.base.columns import join
from unlearn_models.base.errors import BadSettings, BadState
from unlearn_models.base.learner import JSON, Ensemble, State
from unlearn_models.base.rows import Rows
from unlearn_models.base.uniform import Uniform
from unlearn_models.naive_bayes.fold import CountingFold
from unlearn_models.naive_bayes.kernels import add_columns, log_scores, whole


class Totals(NamedTuple):
    """Over all shards: rows and sum of counts by class, (classes,) int64 each; and the shards' states."""

    rows: NDArray[np.int64]
    counts: NDArray[np.int64]
    states: Sequence[State]

    def columns(self, features: NDArray[np.int32]) -> NDArray[np.int64]:
        """The counts of these w sorted features over all shards, (classes, w) int64."""
        found = np.zeros((len(self.rows), len(features)), np.int64)
        for state in self.states:
            add_columns(state["features"], state["counts"], features, found)
        return found


@dataclass(frozen=True, slots=True)
class Counting(ABC):
    """State: features (m,) int32 sorted; counts (classes, m) int64, no zero column; rows (classes,) int64.

    The counts of several shards are added, and score as one model of all their rows.  Values of rows must be whole
    numbers in 1..2**31-1.  alpha, above 0, is added to every count when scoring.  Raises BadSettings.
    """

    classes: tuple[str, ...]
    n_features: int
    alpha: float = 1.0

    id: ClassVar[str]
    forgets: ClassVar[bool] = True
    exact_everywhere: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    counts: ClassVar[bool] = True
    learns_unlabelled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.check_shape(self.classes, self.n_features)
        if not (isfinite(self.alpha) and self.alpha > 0):
            raise BadSettings("alpha must be a positive number")
        # 1 and 1.0 must be one setting: with an int, scoring would compute in int64, which can overflow.
        object.__setattr__(self, "alpha", float(self.alpha))

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classes

    @abstractmethod
    def weights(self, columns: NDArray[np.int64], totals: Totals) -> NDArray[np.float64]:
        """What a count of each feature adds to each class's log score, from the features' counts: (classes, w) both."""

    @abstractmethod
    def prior(self, totals: Totals) -> NDArray[np.float64]:
        """Each class's log score before any feature, (classes,) float64; -inf for a class without rows."""

    def settings(self) -> dict[str, JSON]:
        return {
            "learner": self.id,
            "version": 1,
            "classes": list(self.classes),
            "n_features": self.n_features,
            "alpha": float(self.alpha),
        }

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        good = validation.well_formed(rows, len(self.classes), self.n_features)
        whole(rows.indptr, rows.values, good)
        return good

    def demand(self, rows: Rows) -> None:
        """Raises BadRows with the position of the first row that is not accepted."""
        validation.demand(self.accepts(rows), "is not sorted whole counts of this model's features and classes")

    def empty(self) -> State:
        n = len(self.classes)
        return validation.freeze(
            features=np.empty(0, np.int32), counts=np.empty((n, 0), np.int64), rows=np.zeros(n, np.int64)
        )

    def learn(self, state: State, rows: Rows) -> State:
        fold = self.fold(state)
        fold.learn(rows)
        return fold.state()

    def forget(self, state: State, rows: Rows) -> State:
        fold = self.fold(state)
        fold.forget(rows)
        return fold.state()

    def fold(self, state: State) -> CountingFold:
        """A fold that starts from this state; learning and forgetting then cost the rows, not the state."""
        return CountingFold(self, state)

    def onward(self, state: State) -> CountingFold:
        """As `fold`; its only mark is the state given."""
        return CountingFold(self, state)

    def check(self, state: State) -> None:
        m, c = validation.count_features(state, self.n_features), len(self.classes)
        validation.check_arrays(state, {"features": ("i4", (m,)), "counts": ("i8", (c, m)), "rows": ("i8", (c,))})
        validation.check_rows_seen(state["rows"])
        counts = state["counts"]
        if (counts < 0).any() or not counts.any(axis=0).all() or counts[state["rows"] == 0].any():
            raise BadState("counts are negative, or stand where nothing was learned")

    def summary(self, state: State) -> dict[str, float]:
        return {}

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        states = [state for state in states if state["rows"].any()]
        if not states:
            return Uniform(len(self.classes))
        rows, counts = (sum(sums) for sums in zip(*((s["rows"], s["counts"].sum(axis=1)) for s in states), strict=True))
        totals = Totals(rows, counts, states)
        return _Sum(self, totals, self.prior(totals))


@dataclass(frozen=True, slots=True, eq=False)
class _Sum:
    """Scores rows by the columns of their own features, so that no table over all features is made."""

    learner: Counting
    totals: Totals
    prior: NDArray[np.float64]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        learner = self.learner
        good = validation.well_formed(rows, len(learner.classes), learner.n_features)
        validation.demand(good, "is not sorted values of this model's features")
        joined = join(np.empty(0, np.int32), rows.indices, learner.n_features)
        columns = self.totals.columns(joined.features)
        weights = np.ascontiguousarray(learner.weights(columns, self.totals).T)
        out = np.empty((len(rows), len(learner.classes)), np.float64)
        log_scores(rows.indptr, joined.cells, rows.values, self.prior, weights, out)
        out -= out.max(axis=1, keepdims=True)
        np.exp(out, out=out)
        out /= out.sum(axis=1, keepdims=True)
        return out

    def aggregate(self) -> Aggregate:
        features = np.unique(np.concatenate([state["features"] for state in self.totals.states]))
        unseen = np.zeros((len(self.prior), 1), np.int64)
        columns = np.concatenate([self.totals.columns(features), unseen], axis=1)
        weights = np.ascontiguousarray(self.learner.weights(columns, self.totals).T)
        return Aggregate(features, weights, self.prior, "counts", "softmax")


def seen_only(rows: NDArray[np.int64], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prior (classes,) with -inf for each class without rows: its probability is then 0.

    scikit-learn, trained on the same rows, would not know such a class.
    """
    return np.where(rows > 0, prior, -inf)
