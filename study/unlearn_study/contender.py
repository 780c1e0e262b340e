"""What a cell measures: its method, naive retraining beside it, and the model that it must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Learner, make_learner
from unlearn_models.forest.settings import MAX_FEATURES, Settings
from unlearn_models.positive_unlabelled.learner import pu
from unlearn_study.cells import FORESTS, Cell
from unlearn_study.methods.dare import Dare, Regrown
from unlearn_study.methods.naive import Fastest, Naive
from unlearn_study.methods.protocol import Method
from unlearn_study.methods.sharded import Sharded
from unlearn_study.problem import Problem, Split

__all__ = ["Contender", "contender"]


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """method: makes the one under test, to be built from the split's training rows in these shards (n,).

    rival: makes naive retraining of one model with the same learner, the baseline of costs.  retrained: makes what the
    method must equal, to be trained from scratch on the rows left; None where that is the rival.
    """

    split: Split
    shard: NDArray[np.int32]
    method: Callable[[], Method]
    rival: Callable[[], Method]
    retrained: Callable[[], Method] | None = None


def contender(cell: Cell, problem: Problem) -> Contender:
    """The contender of this cell on this problem.  Raises BadSettings where the learner can't take the data."""
    if cell.method == "pu":
        learner: Learner = pu(cell.learner, (f"not {problem.positive}", problem.positive), problem.pu.n_features)
        return _sharded(cell, learner, problem.pu, problem.shards(cell.shards, pu=True))
    if cell.method == "forest":
        return _forest(cell, problem)
    learner = make_learner(cell.learner, problem.classes, problem.wide.n_features)
    shard = problem.shards(cell.shards)
    if cell.method == "naive":
        fastest = partial(Fastest, learner)
        return Contender(problem.wide, shard, fastest, fastest, lambda: Naive(learner))
    return _sharded(cell, learner, problem.wide, shard)


def _forest(cell: Cell, problem: Problem) -> Contender:
    split, classes = problem.narrow, len(problem.classes)
    settings = Settings(share=FORESTS[cell.learner], features=max(1, min(isqrt(split.n_features), MAX_FEATURES)))
    return Contender(
        split,
        problem.shards(1),
        lambda: Dare(settings, classes, split.n_features),
        lambda: Regrown(settings, classes, split.n_features),
    )


def _sharded(cell: Cell, learner: Learner, split: Split, shard: NDArray[np.int32]) -> Contender:
    return Contender(
        split,
        shard,
        lambda: Sharded(learner, cell.shards, cell.slices),
        lambda: Fastest(learner),
        lambda: Naive(learner, cell.shards),
    )
