"""An ensemble as one linear model: what all of its shards say together, and nothing of a single one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST", "Aggregate", "Aggregated"]

LONGEST = 8.0
"""The Euclidean length of a row's damped values, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """A row's score for vector k is bias[k] + the sum of x * weights[place, k] over its features.

    features (m,) int32, sorted; weights (m + 1, K) float64, in the order of features, and last that of every other
    feature; bias (K,) float64, -inf for a class without rows. K is the number of classes, or 1 for two of them.

    values  "counts": x is the feature's value. "damped": its signed square root, times 8 over the Euclidean length of
            all the row's roots where that is above 8
    link    "softmax": of the scores. "sigmoid": with one vector the second class's probability; with more each
            vector's sigmoid over the sum of them
    """

    features: NDArray[np.int32]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    values: Literal["counts", "damped"]
    link: Literal["softmax", "sigmoid"]

    def table(self, n_features: int) -> NDArray[np.float64]:
        """The weights of all features, (n_features, K)."""
        table = np.tile(self.weights[-1], (n_features, 1))
        table[self.features] = self.weights[:-1]
        return table

    def at(self, features: NDArray[np.int32]) -> NDArray[np.float64]:
        """The weights of these features, (len(features), K)."""
        places = np.searchsorted(self.features, features)
        known = np.append(self.features, -1)[places] == features
        return np.asarray(self.weights[np.where(known, places, len(self.features))])


@runtime_checkable
class Aggregated(Protocol):
    """An ensemble that is one linear model."""

    def aggregate(self) -> Aggregate:
        """The model: it scores as the ensemble does, but for the rounding of sums and of exp."""
        ...
