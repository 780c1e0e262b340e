"""Naive retraining, which learns all rows that are left: in a plain form that others must equal, and in a fast form."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Learner, Rows, State, encode_state
from unlearn_models.folds.holes import without
from unlearn_models.sisa.refit import Refit
from unlearn_models.sisa.sisa import naive
from unlearn_study.memory import array_bytes
from unlearn_study.methods.survivors import Survivors

__all__ = ["Fastest", "Naive"]


class Naive:
    """The plain form.  With several shards it is what SISA must equal: each trained from scratch, without slices."""

    def __init__(self, learner: Learner, shards: int = 1) -> None:
        self._learner, self._shards = learner, shards
        self._rows, self._shard = Rows.empty(), np.empty(0, np.int32)
        self._survivors = Survivors()
        self._states: list[State] = []

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        self._survivors = Survivors(len(rows))
        self._learn(rows, shard)

    def _learn(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        self._rows, self._shard = rows, shard
        parts = [rows] if self._shards == 1 else [rows.take(shard == s) for s in range(self._shards)]
        self._states = [naive(self._learner, part) for part in parts]

    def delete(self, positions: NDArray[np.int64]) -> None:
        places = self._survivors.places(positions)
        self._survivors = self._survivors.without(positions)
        self._learn(without(self._rows, places), np.delete(self._shard, places))

    def publish(self) -> list[bytes]:
        return [encode_state(self._learner, state) for state in self._states]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        return self._learner.ensemble(self._states).scores(rows)

    def copy(self) -> Self:
        return copy(self)

    def bytes(self) -> int:
        return array_bytes(self)


class Fastest:
    """The baseline of costs: one model, with its rows in the form that its fold learns the fastest."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._refit = Refit(learner, Rows.empty())

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        self._refit = Refit(self._learner, rows)
        self._refit.fit()

    def delete(self, positions: NDArray[np.int64]) -> None:
        self._refit.strike(positions)
        self._refit.fit()

    def publish(self) -> list[bytes]:
        return [encode_state(self._learner, self._refit.state())]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        return self._learner.ensemble([self._refit.state()]).scores(rows)

    def copy(self) -> Self:
        return deepcopy(self)

    def bytes(self) -> int:
        return array_bytes(self)
