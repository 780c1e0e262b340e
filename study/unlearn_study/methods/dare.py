"""The forest, changed in place; and its rival, grown anew from the rows left.

After Brophy and Lowd, "Machine Unlearning for Random Forests" (ICML 2021); `unlearn_models.forest` makes it exact.
"""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows, encode_arrays
from unlearn_models.forest.forest import Forest
from unlearn_models.forest.keys import row_keys
from unlearn_models.forest.learner import dense
from unlearn_models.forest.settings import Settings
from unlearn_study.methods.survivors import Survivors

__all__ = ["Dare", "Regrown"]


class Dare:
    """The forest under test.  Rows are deleted by key, a hash of content and label; equal rows are interchangeable."""

    def __init__(self, settings: Settings, n_classes: int, n_features: int) -> None:
        """Raises BadSettings where there are too many features."""
        self._forest = Forest(settings, n_classes, n_features)
        self._keys = np.empty(0, np.uint64)

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        self.grow(row_keys(rows, 0), dense(rows, self._forest.n_features), rows.labels)

    def grow(self, keys: NDArray[np.uint64], x: NDArray[np.float64], y: NDArray[np.int32]) -> None:
        """Learn rows x (n, n_features) with labels y (n,) and keys (n,) uint64; the forest must be empty."""
        self._keys = keys
        self._forest.apply(added_keys=keys, x=x, y=y)

    def delete(self, positions: NDArray[np.int64]) -> None:
        self._forest.apply(self._keys[positions])

    def publish(self) -> list[bytes]:
        return [encode_arrays({"format": "trees"}, self._forest.trees()._asdict())]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        return self._forest.predict(dense(rows, self._forest.n_features))

    def bytes(self) -> int:
        return self._forest.nbytes() + self._keys.nbytes

    def copy(self) -> Self:
        twin = copy(self)
        twin._forest = self._forest.copy()  # noqa: SLF001  its own twin
        return twin


class Regrown:
    """The forest's rival: each deletion grows a new forest from the rows left, which are kept as a dense array."""

    def __init__(self, settings: Settings, n_classes: int, n_features: int) -> None:
        self._settings, self._n_classes, self._n_features = settings, n_classes, n_features
        self._keys, self._x, self._y = np.empty(0, np.uint64), np.empty((0, n_features)), np.empty(0, np.int32)
        self._grown = Dare(settings, n_classes, n_features)
        self._survivors = Survivors()

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        self._keys, self._x, self._y = row_keys(rows, 0), dense(rows, self._n_features), rows.labels
        self._survivors = Survivors(len(rows))
        self._regrow()

    def delete(self, positions: NDArray[np.int64]) -> None:
        places = self._survivors.places(positions)
        self._survivors = self._survivors.without(positions)
        self._keys, self._y = np.delete(self._keys, places), np.delete(self._y, places)
        self._x = np.delete(self._x, places, axis=0)
        self._regrow()

    def publish(self) -> list[bytes]:
        return self._grown.publish()

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        return self._grown.scores(rows)

    def bytes(self) -> int:
        return self._grown.bytes() + self._x.nbytes + self._y.nbytes

    def copy(self) -> Self:
        return copy(self)

    def _regrow(self) -> None:
        self._grown = Dare(self._settings, self._n_classes, self._n_features)
        self._grown.grow(self._keys, self._x, self._y)
