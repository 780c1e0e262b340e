"""Logistic regression as a fold: one pass of AdaGrad over the rows in the order given.

Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (JMLR 2011), diagonal form:
G += g * g, w -= lr * g / sqrt(G + eps).  Two classes have one weight vector; more classes have one each, against
the rest.  A row enters as the signed square roots of its values, scaled down to a length of 8 if that is exceeded:
better than raw counts on mails and as good on tweets, and no state can overflow.  More passes were worse on both.

Scores use a running mean of the intercept in which later values weigh more: Shamir and Zhang, "Stochastic
Gradient Descent for Non-smooth Optimization" (ICML 2013), polynomial-decay averaging, eta = 3.

Shards' weights are averaged by their sums of squares, which estimate the diagonal of the Fisher information:
Matena and Raffel, "Merging Models with Fisher-Weighted Averaging" (NeurIPS 2022).  So a shard that has seen a
feature rarely has little influence on its weight.

Shards of a few hundred rows give too large weights to features that all of them see, and too small an intercept.
`rarity` corrects that: a weight is divided, and the intercept multiplied, by that power of the effective number of
shards that learned it, (sum of G)^2 / sum of G^2 (Kish, "Survey Sampling", 1965, on the effective size of a weighted
sample).  With large shards it makes scores worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base import validation
from unlearn_models.base.aggregate import Aggregate
from unlearn_models.base.columns import find
from unlearn_models.base.errors import BadSettings, BadState, CannotForget
from unlearn_models.base.learner import JSON, Ensemble, State
from unlearn_models.base.rows import Rows
from unlearn_models.base.uniform import Uniform
from unlearn_models.linear.fold import LinearFold
from unlearn_models.linear.kernels import probabilities

_POWERS = (0.0, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Linear:
    """State over m features seen and K weight vectors, K = 1 for two classes: features (m,) int32 sorted; weights,
    squares (K, m) float64; bias, bias_squares, bias_means (K,) float64; rows (classes,) int64.

    Squares are sums of squared gradients; a feature is seen once its sum is above 0, and a scaled value below 1e-100
    counts as absent.  lr: learning rate, eps: added to the sums, both in 1e-6..1e6; rarity: 0, .25 or .5, changes the
    ensemble alone.  Raises BadSettings.
    """

    classes: tuple[str, ...]
    n_features: int
    lr: float = 0.15
    eps: float = 0.03
    rarity: float = 0.0

    id: ClassVar[str] = "linear"
    forgets: ClassVar[bool] = False
    exact_everywhere: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    counts: ClassVar[bool] = False
    learns_unlabelled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.check_shape(self.classes, self.n_features)
        if not all(isfinite(x) and 1e-6 <= x <= 1e6 for x in (self.lr, self.eps)):
            raise BadSettings("lr and eps must lie in 1e-6..1e6")
        if self.rarity not in _POWERS:
            raise BadSettings(f"rarity must be one of {', '.join(map(str, _POWERS))}")

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classes

    def settings(self) -> dict[str, JSON]:
        return {
            "learner": self.id,
            "version": 2,
            "classes": list(self.classes),
            "n_features": self.n_features,
            "lr": float(self.lr),
            "eps": float(self.eps),
            # Left out when 0: models made before there was this setting keep their identity.
            **({"rarity": float(self.rarity)} if self.rarity else {}),
        }

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        return validation.well_formed(rows, len(self.classes), self.n_features)

    def empty(self) -> State:
        k = self._vectors()
        none = np.zeros((k, 0), np.float64)
        return validation.freeze(
            features=np.empty(0, np.int32),
            weights=none,
            squares=none.copy(),
            bias=np.zeros(k, np.float64),
            bias_squares=np.zeros(k, np.float64),
            bias_means=np.zeros(k, np.float64),
            rows=np.zeros(len(self.classes), np.int64),
        )

    def learn(self, state: State, rows: Rows) -> State:
        if not len(rows):
            return state
        fold = self.onward(state)
        fold.learn(rows)
        return fold.state()

    def fold(self, state: State) -> LinearFold:
        """A fold that starts from this state, with mark 0 set; it costs the rows learned or rewound, not the state."""
        fold = self.onward(state)
        fold.mark(0)
        return fold

    def onward(self, state: State) -> LinearFold:
        """A fold that starts from this state, without a mark: what it learns can't be rewound, and isn't logged."""
        return LinearFold(self, state)

    def forget(self, state: State, rows: Rows) -> State:
        raise CannotForget("the linear learner has no inverse: fold again from a state before the rows")

    def check(self, state: State) -> None:
        m, k = validation.count_features(state, self.n_features), self._vectors()
        matrix, vector = ("f8", (k, m)), ("f8", (k,))
        wanted = {
            "weights": matrix,
            "squares": matrix,
            "bias": vector,
            "bias_squares": vector,
            "bias_means": vector,
        }
        counts = {"features": ("i4", (m,)), "rows": ("i8", (len(self.classes),))}
        validation.check_arrays(state, wanted | counts)
        validation.check_rows_seen(state["rows"])
        learned = state["rows"].any()
        if (state["squares"] <= 0).any() or ((state["bias_squares"] > 0) != learned).any():
            raise BadState("a sum of squares is not positive, or there before any row")
        if m and not learned:
            raise BadState("features are seen, and no row")

    def summary(self, state: State) -> dict[str, float]:
        return {}

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        states = [state for state in states if state["rows"].any()]
        if not states:
            return Uniform(len(self.classes))
        features = np.unique(np.concatenate([state["features"] for state in states]))
        # The last row stays zero: it is the weight of every feature never seen.
        weights = np.zeros((len(features) + 1, self._vectors()), np.float64)
        squares = np.zeros_like(weights)
        places = [np.searchsorted(features, state["features"]) for state in states]
        for state, at in zip(states, places, strict=True):
            weights[at] += (state["weights"] * state["squares"]).T
            squares[at] += state["squares"].T
        weights[:-1] /= squares[:-1]
        total = np.add.reduce([state["bias_squares"] for state in states])
        bias = np.add.reduce([state["bias_means"] * state["bias_squares"] for state in states]) / total
        if self.rarity:
            shares = np.zeros_like(weights)
            for state, at in zip(states, places, strict=True):
                shares[at] += _squared(state["squares"].T / squares[at])
            weights *= self._power(shares)
            bias /= self._power(np.add.reduce([_squared(state["bias_squares"] / total) for state in states]))
        return _Average(self, features, weights, bias)

    def _power(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shares to the power of rarity, by square roots, which are the same on every CPU.

        One over a sum of squared shares is the effective number of shards.
        """
        root: NDArray[np.float64] = np.sqrt(shares)
        return root if self.rarity == _POWERS[-1] else np.sqrt(root)

    def _vectors(self) -> int:
        return 1 if len(self.classes) == 2 else len(self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class _Average:
    """weights (m + 1, K), the last row zero for features never seen, and bias (K,), averaged over the shards."""

    learner: Linear
    features: NDArray[np.int32]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        learner = self.learner
        validation.demand(learner.accepts(rows), "is not sorted values of this model's features")
        out = np.empty((len(rows), len(learner.classes)), np.float64)
        cells = find(self.features, rows.indices, learner.n_features)
        probabilities(rows.indptr, cells, rows.values, self.weights, self.bias, out)
        return out

    def aggregate(self) -> Aggregate:
        return Aggregate(self.features, self.weights, self.bias, "damped", "sigmoid")


def _squared(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * x
