"""SISA over any learner: naive Bayes, linear, and PU around either."""

from __future__ import annotations

from copy import deepcopy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Learner, Rows, encode_state
from unlearn_models.sisa.sisa import Sisa
from unlearn_study.memory import array_bytes

__all__ = ["Sharded"]


class Sharded:
    """SISA that keeps all checkpoints, one behind each slice."""

    def __init__(self, learner: Learner, shards: int, slices: int) -> None:
        self._learner = learner
        self._sisa = Sisa(learner, shards, slices)

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        self._sisa.fit(rows, shard)

    def delete(self, positions: NDArray[np.int64]) -> None:
        self._sisa.delete(positions)

    def publish(self) -> list[bytes]:
        return [encode_state(self._learner, state) for state in self._sisa.states()]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        return self._sisa.ensemble().scores(rows)

    def copy(self) -> Self:
        return deepcopy(self)

    def bytes(self) -> int:
        return array_bytes(self)
