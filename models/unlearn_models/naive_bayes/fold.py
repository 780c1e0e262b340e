"""Class counts changed in place: learning and forgetting cost the rows, however much has been learned."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from unlearn_models.base import validation
from unlearn_models.base.errors import NotLearned
from unlearn_models.base.kernels.feature_index import file_features
from unlearn_models.base.learner import State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.prepared import Plain, rising
from unlearn_models.naive_bayes.kernels import add, take

__all__ = ["CountingFold"]

_FEW = 256
"""New features to make room for at first."""


class _Learner(Protocol):
    @property
    def n_features(self) -> int: ...

    def demand(self, rows: Rows) -> None: ...


class CountingFold:
    """Each feature met has a row of counts, its slot; one whose counts are all 0 is left out of the state.

    Each mark keeps a whole state.
    """

    def __init__(self, learner: _Learner, state: State) -> None:
        self._learner = learner
        self._load(state)
        self._marks = {0: state}

    def learn(self, rows: Rows) -> None:
        self._learner.demand(rows)
        row = 0
        while (row := self._add(rows, row)) < len(rows):
            self._grow(int(np.diff(rows.indptr).max()))

    def forget(self, rows: Rows) -> None:
        held = self._learner.n_features, self._index, self._counts, self._seen
        if not take(rows.labels, rows.indptr, rows.indices, rows.values, *held):
            self._learner.demand(rows)
            raise NotLearned("the rows to forget hold more than was learned")

    def prepare(self, rows: Rows) -> Plain:
        self._learner.demand(rows)
        return Plain(self, rows)

    def mark(self, number: int) -> None:
        rising(self.marks[-1], number)
        self._marks[number] = self.state()

    def rewind(self, number: int) -> None:
        self._load(self._marks[number])
        self._marks = {at: state for at, state in self._marks.items() if at <= number}

    @property
    def marks(self) -> list[int]:
        return list(self._marks)

    def state(self) -> State:
        used = int(self._sizes[0])
        counts, features = self._counts[1 : used + 1], self._features[:used]
        slots = np.flatnonzero(counts.any(axis=1))
        # Stable sorts are fast where most is in order already, as features of the state begun with are.
        slots = slots[np.argsort(features[slots], kind="stable")]
        found = np.take(counts, slots, axis=0).T.copy("C")
        return validation.freeze(features=features[slots], counts=found, rows=self._seen.copy())

    def _add(self, rows: Rows, row: int) -> int:
        held: Any = self._sizes, self._index, self._features, self._counts, self._seen
        return add(rows.labels, rows.indptr, rows.indices, rows.values, row, *held)

    def _load(self, state: State) -> None:
        m = len(state["features"])
        self._sizes, self._seen = np.array([m], np.int64), state["rows"].copy()
        self._features = state["features"].copy()
        self._counts = np.zeros((m + 1, len(self._seen)), np.int64)
        self._counts[0], self._counts[1:] = state["counts"].sum(axis=1), state["counts"].T
        self._grow(_FEW)

    def _grow(self, size: int) -> None:
        room = max(2 * len(self._features), int(self._sizes[0]) + size)
        self._features, features = np.zeros(room, np.int32), self._features
        self._features[: len(features)] = features
        self._counts, counts = np.zeros((room + 1, len(self._seen)), np.int64), self._counts
        self._counts[: len(counts)] = counts
        self._index = np.zeros(1 << (3 * room // 2).bit_length(), np.int64)
        file_features(self._features[: self._sizes[0]], self._index)
