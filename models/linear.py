"""Logistic regression as a fold: one pass of AdaGrad over the rows in the order given.

Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (JMLR 2011), diagonal form:
G += g * g, w -= lr * g / sqrt(G + eps).  Two classes have one weight vector, more have one against the rest
each.  A row enters as the signed roots of its values, at most 32 long: better than raw counts on mails and as
good on tweets, and no state can overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models import shape
from models.columns import find, join
from models.errors import BadSettings, BadState, CannotForget
from models.learner import JSON, Ensemble, State
from models.linear_kernel import descend, probabilities
from models.rows import Rows
from models.uniform import Uniform


@dataclass(frozen=True, slots=True)
class Linear:
    """State over m features seen and K weight vectors, K = 1 for two classes: features (m,) int32 sorted;
    weights, squares (K, m) float64; bias, bias_squares (K,) float64; rows (classes,) int64.

    An ensemble averages each weight over the shards that have seen its feature.  Raises BadSettings.
    """

    classes: tuple[str, ...]
    n_features: int
    lr: float = 0.15
    eps: float = 0.03

    id: ClassVar[str] = "linear"
    forgets: ClassVar[bool] = False
    exact_everywhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        shape.check_shape(self.classes, self.n_features)
        if not all(isfinite(x) and 1e-6 <= x <= 1e6 for x in (self.lr, self.eps)):
            raise BadSettings("lr and eps must lie in 1e-6..1e6")

    def settings(self) -> dict[str, JSON]:
        return {
            "learner": self.id,
            "version": 1,
            "classes": list(self.classes),
            "n_features": self.n_features,
            "lr": float(self.lr),
            "eps": float(self.eps),
        }

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        return shape.well_formed(rows, len(self.classes), self.n_features)

    def empty(self) -> State:
        k = self._vectors()
        none = np.zeros((k, 0), np.float64)
        return shape.freeze(
            features=np.empty(0, np.int32),
            weights=none,
            squares=none.copy(),
            bias=np.zeros(k, np.float64),
            bias_squares=np.zeros(k, np.float64),
            rows=np.zeros(len(self.classes), np.int64),
        )

    def learn(self, state: State, rows: Rows) -> State:
        shape.demand(self.accepts(rows), "is not sorted values of this model's features and classes")
        rows = shape.labelled(rows)
        if not len(rows):
            return state
        joined = join(state["features"], rows.indices, self.n_features)
        # Weight and square of a feature lie side by side: one cache line a cell.
        table = np.zeros((len(joined.features), self._vectors(), 2), np.float64)
        table[joined.old, :, 0] = state["weights"].T
        table[joined.old, :, 1] = state["squares"].T
        bias = np.stack([state["bias"], state["bias_squares"]], axis=1)
        descend(table, bias, rows.labels, rows.indptr, joined.cells, rows.values, self.lr, self.eps)
        return shape.freeze(
            features=joined.features,
            weights=table[:, :, 0].T.copy("C"),
            squares=table[:, :, 1].T.copy("C"),
            bias=bias[:, 0].copy(),
            bias_squares=bias[:, 1].copy(),
            rows=state["rows"] + np.bincount(rows.labels, minlength=len(self.classes)),
        )

    def forget(self, state: State, rows: Rows) -> State:
        raise CannotForget("the linear learner has no inverse: fold again from a state before the rows")

    def check(self, state: State) -> None:
        m, k = shape.count_features(state, self.n_features), self._vectors()
        matrix, vector = ("f8", (k, m)), ("f8", (k,))
        wanted = {"weights": matrix, "squares": matrix, "bias": vector, "bias_squares": vector}
        counts = {"features": ("i4", (m,)), "rows": ("i8", (len(self.classes),))}
        shape.check_arrays(state, wanted | counts)
        shape.check_rows_seen(state["rows"])
        if (state["squares"] < 0).any() or (state["bias_squares"] < 0).any():
            raise BadState("a sum of squares is negative")

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        states = [state for state in states if state["rows"].any()]
        if not states:
            return Uniform(len(self.classes))
        features = np.unique(np.concatenate([state["features"] for state in states]))
        # The last row stays zero: a feature never seen has no weight.
        weights = np.zeros((len(features) + 1, self._vectors()), np.float64)
        shards = np.zeros(len(features) + 1, np.float64)
        for state in states:
            at = np.searchsorted(features, state["features"])
            weights[at] += state["weights"].T
            shards[at] += 1
        weights /= np.maximum(shards, 1)[:, None]
        bias = np.add.reduce([state["bias"] for state in states]) / len(states)
        return _Average(self, features, weights, bias)

    def _vectors(self) -> int:
        return 1 if len(self.classes) == 2 else len(self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class _Average:
    """weights (m + 1, K) and bias (K,), averaged over the shards."""

    learner: Linear
    features: NDArray[np.int32]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        learner = self.learner
        shape.demand(learner.accepts(rows), "is not sorted values of this model's features")
        out = np.empty((len(rows), len(learner.classes)), np.float64)
        cells = find(self.features, rows.indices, learner.n_features)
        probabilities(rows.indptr, cells, rows.values, self.weights, self.bias, out)
        return out
