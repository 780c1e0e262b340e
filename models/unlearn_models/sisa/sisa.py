"""SISA in memory, over any learner: shards, slices, exact deletion (Bourtoule et al., IEEE S&P 2021).

Slices are cut at fixed positions, so a deletion leaves a hole and moves no other row.  Each shard's model is the
learner's fold over its rows in order; after any deletions it equals `naive` on the rows left, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import BadSettings, NotLearned
from unlearn_models.base.learner import Ensemble, Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.base.validation import demand
from unlearn_models.sisa.checkpoint_policies import spaced
from unlearn_models.sisa.cost_model import Rates, Way, choose
from unlearn_models.sisa.shard import Shard, Timed

__all__ = ["Cost", "Sisa", "naive"]

_BUDGET = 0.8
"""The share of a full retraining's time that a batch may be expected to take; the rest is for unmeasured costs."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fit or a deletion did.

    rows_learned    rows learned anew
    rows_forgotten  rows taken out by the learner's inverse
    shards          how many shards were hit
    restarted_from  of each shard that learned, how many slices its starting point had learned
    """

    rows_learned: int
    rows_forgotten: int
    shards: int
    restarted_from: Mapping[int, int] = field(default_factory=dict)


def naive(learner: Learner, rows: Rows, alive: NDArray[np.bool_] | None = None) -> State:
    """The baseline: the state trained from scratch on the rows left, those where alive (n,) is true, in their order."""
    return learner.learn(learner.empty(), rows if alive is None or alive.all() else rows.take(alive))


class Sisa:
    """`shards` models of `slices` slices each.

    `checkpoints` is how many states a shard keeps beside its newest, at equal steps; None keeps all.  A learner that
    forgets keeps none.  Measured times choose the cheapest way to delete; every way gives the same bytes.  Raises
    BadSettings.
    """

    def __init__(self, learner: Learner, shards: int, slices: int, checkpoints: int | None = None) -> None:
        if shards < 1 or slices < 1 or (checkpoints is not None and checkpoints < 0):
            raise BadSettings("SISA needs at least 1 shard, 1 slice and 0 checkpoints")
        self.learner = learner
        self.shards, self.slices = shards, slices
        limit = slices - 1 if checkpoints is None else checkpoints
        self._marks = [] if learner.forgets else sorted(spaced(range(1, slices), limit))
        self._rates = Rates(learn=0.0)
        self._home = np.empty(0, np.int64)
        self._alive = np.empty(0, np.bool_)
        self._left = 0
        self._shards: list[Shard] = []

    def fit(self, rows: Rows, shard: NDArray[np.integer]) -> Cost:
        """Learn the rows (n,) anew, row i in shard[i], which is in 0..shards-1.

        Raises BadRows and BadSettings; nothing has changed then.
        """
        n = len(rows)
        if shard.shape != (n,) or (n and not 0 <= shard.min() <= shard.max() < self.shards):
            raise BadSettings(f"each row needs a shard in 0..{self.shards - 1}")
        demand(self.learner.accepts(rows), "is not a row that this learner takes")
        edges = (np.arange(self.slices + 1) * n // self.slices).tolist()
        made = [Shard.cut(self.learner, rows, np.flatnonzero(shard == s), edges) for s in range(self.shards)]
        self._rates = max(made, key=lambda one: one.ends[-1]).rates(self._marks)
        for one in made:
            one.learn_from(0, self._marks)
        self._shards, self._home, self._alive = made, shard.astype(np.int64), np.ones(n, np.bool_)
        self._left = n
        return Cost(n, 0, self.shards, dict.fromkeys(range(self.shards), 0))

    def delete(self, positions: Sequence[int] | NDArray[np.integer]) -> Cost:
        """Delete the rows at these positions among those of `fit`, in one batch: each shard hit restarts at most once.

        Raises NotLearned for a position named twice, deleted before or never there: nothing has changed then.
        """
        gone = self._checked(positions)
        home = self._home[gone]
        hit = {shard: gone[home == shard] for shard in sorted(set(home.tolist()))}
        works = [self._shards[shard].work(at, self._marks) for shard, at in hit.items()]
        ways = choose(self._rates, works, _BUDGET * (self._left - len(gone)))
        chosen = [(shard, at, way) for (shard, at), way in zip(hit.items(), ways, strict=True)]
        forgotten = [self._shards[shard].forget(at) for shard, at, way in chosen if way is Way.FORGET]
        learned = {
            shard: self._shards[shard].relearn(at, way, self._marks)
            for shard, at, way in chosen
            if way is not Way.FORGET
        }
        self._alive[gone] = False
        self._left -= len(gone)
        if forgotten:
            self._rates = _with_forgotten(self._rates, forgotten)
        return Cost(
            rows_learned=sum(rows for _, rows in learned.values()),
            rows_forgotten=sum(timed.rows for timed in forgotten),
            shards=len(hit),
            restarted_from={shard: start for shard, (start, _) in learned.items()},
        )

    @property
    def rows_left(self) -> int:
        """How many rows of `fit` are not deleted."""
        return self._left

    def states(self) -> list[State]:
        """Each shard's state, in the order of shards."""
        return [shard.fold.state() for shard in self._shards]

    def ensemble(self) -> Ensemble:
        """All shards combined for scoring."""
        return self.learner.ensemble(self.states())

    def _checked(self, positions: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        named = np.asarray(positions)
        gone = named.astype(np.int64)
        gone.sort()
        inside = not len(gone) or (named.dtype.kind in "iu" and gone[0] >= 0 and gone[-1] < len(self._alive))
        if not inside or not self._alive[gone].all() or (len(gone) > 1 and (gone[1:] == gone[:-1]).any()):
            raise NotLearned("a row to delete was named twice, deleted before or never there")
        return gone


def _with_forgotten(rates: Rates, timed: Sequence[Timed]) -> Rates:
    """The rates with the least time per forgotten row seen so far.

    A small batch takes longer per row because of its calls, which no choice could avoid.
    """
    pace = sum(t.seconds for t in timed) / sum(t.rows for t in timed)
    return replace(rates, forget=pace if not rates.forget else min(pace, rates.forget))
