"""Multinomial naive Bayes: integer counts, so that forgetting is exact subtraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models import shape
from models.columns import find, join
from models.errors import BadSettings, BadState, NotLearned
from models.kernel import f64, flag, i32, i64, kernel, none, reads, writes
from models.learner import JSON, Ensemble, State
from models.rows import Rows
from models.uniform import Uniform

_LARGEST = 2.0**31 - 1


@dataclass(frozen=True, slots=True)
class NaiveBayes:
    """State: features (m,) int32 sorted; counts (classes, m) int64, no zero column; rows (classes,) int64.

    Several shards' counts add up, and score as scikit-learn's MultinomialNB on all their rows.
    Rows need whole values in 1..2**31-1.  Raises BadSettings.
    """

    classes: tuple[str, ...]
    n_features: int
    alpha: float = 1.0

    id: ClassVar[str] = "naive-bayes"
    forgets: ClassVar[bool] = True
    exact_everywhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        shape.check_shape(self.classes, self.n_features)
        if not (isfinite(self.alpha) and self.alpha > 0):
            raise BadSettings("alpha must be a positive number")

    def settings(self) -> dict[str, JSON]:
        return {
            "learner": self.id,
            "version": 1,
            "classes": list(self.classes),
            "n_features": self.n_features,
            "alpha": float(self.alpha),
        }

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        good = shape.well_formed(rows, len(self.classes), self.n_features)
        _whole(rows.indptr, rows.values, good)
        return good

    def empty(self) -> State:
        return self._state(np.empty(0, np.int32), np.empty((len(self.classes), 0), np.int64), self._no_rows())

    def learn(self, state: State, rows: Rows) -> State:
        rows = self._usable(rows)
        if not len(rows):
            return state
        joined = join(state["features"], rows.indices, self.n_features)
        counts = np.zeros((len(self.classes), len(joined.features)), np.int64)
        counts[:, joined.old] = state["counts"]
        seen = state["rows"].copy()
        _tally(counts, seen, rows.labels, rows.indptr, joined.cells, rows.values, 1)
        return self._state(joined.features, counts, seen)

    def forget(self, state: State, rows: Rows) -> State:
        rows = self._usable(rows)
        features = state["features"]
        cells = find(features, rows.indices, self.n_features)
        if (cells == len(features)).any():
            raise NotLearned("a row to forget has a feature that was never learned")
        counts, seen = state["counts"].copy(), state["rows"].copy()
        _tally(counts, seen, rows.labels, rows.indptr, cells, rows.values, -1)
        if (seen < 0).any() or (counts < 0).any() or counts[seen == 0].any():
            raise NotLearned("the rows to forget hold more than was learned")
        kept = counts.any(axis=0)
        return self._state(features[kept], np.ascontiguousarray(counts[:, kept]), seen)

    def check(self, state: State) -> None:
        m, c = shape.count_features(state, self.n_features), len(self.classes)
        shape.check_arrays(state, {"features": ("i4", (m,)), "counts": ("i8", (c, m)), "rows": ("i8", (c,))})
        shape.check_rows_seen(state["rows"])
        counts = state["counts"]
        if (counts < 0).any() or not counts.any(axis=0).all() or counts[state["rows"] == 0].any():
            raise BadState("counts are negative, or stand where nothing was learned")

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        states = [state for state in states if state["rows"].any()]
        if not states:
            return Uniform(len(self.classes))
        features = np.unique(np.concatenate([state["features"] for state in states]))
        counts = np.zeros((len(self.classes), len(features)), np.int64)
        for state in states:
            counts[:, np.searchsorted(features, state["features"])] += state["counts"]
        seen = np.sum([state["rows"] for state in states], axis=0)
        return _Counts(self, features, *_logs(counts, seen, self.alpha, self.n_features))

    def _usable(self, rows: Rows) -> Rows:
        shape.demand(self.accepts(rows), "is not sorted whole counts of this model's features and classes")
        return shape.labelled(rows)

    def _no_rows(self) -> NDArray[np.int64]:
        return np.zeros(len(self.classes), np.int64)

    @staticmethod
    def _state(features: NDArray[np.int32], counts: NDArray[np.int64], seen: NDArray[np.int64]) -> State:
        return shape.freeze(features=features, counts=counts, rows=seen)


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """log priors (classes,); log likelihoods (m + 1, classes), the last row for features never seen."""

    learner: NaiveBayes
    features: NDArray[np.int32]
    prior: NDArray[np.float64]
    likelihood: NDArray[np.float64]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        learner = self.learner
        good = shape.well_formed(rows, len(learner.classes), learner.n_features)
        shape.demand(good, "is not sorted values of this model's features")
        out = np.empty((len(rows), len(learner.classes)), np.float64)
        cells = find(self.features, rows.indices, learner.n_features)
        _log_scores(rows.indptr, cells, rows.values, self.prior, self.likelihood, out)
        out -= out.max(axis=1, keepdims=True)
        np.exp(out, out=out)
        out /= out.sum(axis=1, keepdims=True)
        return out


def _logs(
    counts: NDArray[np.int64], seen: NDArray[np.int64], alpha: float, n_features: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    total = np.log(counts.sum(axis=1) + alpha * n_features)
    columns = np.concatenate([counts, np.zeros((len(counts), 1), np.int64)], axis=1)
    likelihood = np.ascontiguousarray((np.log(columns + alpha) - total[:, None]).T)
    # A class without rows is one that scikit-learn wouldn't know: it gets no probability at all.
    prior = np.where(seen > 0, np.log(np.maximum(seen, 1)) - np.log(seen.sum()), -inf)
    return prior, likelihood


@kernel(none, reads(i64), reads(f64), writes(flag))
def _whole(indptr: NDArray[np.int64], values: NDArray[np.float64], good: NDArray[np.bool_]) -> None:
    for row in range(len(good)):
        fine = good[row]
        for cell in range(indptr[row], indptr[row + 1]):
            value = values[cell]
            fine &= value > 0.0 and value <= _LARGEST and value == np.floor(value)
        good[row] = fine


@kernel(none, writes(i64, 2), writes(i64), reads(i32), reads(i64), reads(i32), reads(f64), i64)
def _tally(
    counts: NDArray[np.int64],
    seen: NDArray[np.int64],
    labels: NDArray[np.int32],
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    sign: int,
) -> None:
    """Add sign times every row to its class's counts."""
    for row in range(len(labels)):
        label = labels[row]
        seen[label] += sign
        for cell in range(indptr[row], indptr[row + 1]):
            counts[label, cells[cell]] += sign * np.int64(values[cell])


@kernel(none, reads(i64), reads(i32), reads(f64), reads(f64), reads(f64, 2), writes(f64, 2))
def _log_scores(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    prior: NDArray[np.float64],
    likelihood: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    for row in range(len(out)):
        for k in range(len(prior)):
            score = prior[k]
            for cell in range(indptr[row], indptr[row + 1]):
                score += values[cell] * likelihood[cells[cell], k]
            out[row, k] = score
