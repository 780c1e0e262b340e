"""Learning from positive and unlabelled rows, as a learner around another one; exact under deletion.

Elkan and Noto, "Learning Classifiers from Only Positive and Unlabeled Data" (KDD 2008): g tells labelled rows
from unlabelled ones; c = P(labelled | positive) is the mean of g over labelled rows held out (their estimator
e1, section 2); P(positive | x) = g(x) / c (lemma 1).  Two changes make it forget.  A hash of a row's content, not
its place, says whether it is held out: a deletion changes no other row's role.  And each shard keeps c as a
sum and a count over the rows that it holds out, by its own model alone.  The counts of naive Bayes' shards are added
to one model, whose scores are nearer 0 and 1 than each shard's: with many small shards c is too small for it, and
scores are too high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base import validation
from unlearn_models.base.errors import BadRows, BadSettings, BadState, CannotForget
from unlearn_models.base.learner import JSON, Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.linear.logistic import Linear
from unlearn_models.naive_bayes.multinomial import NaiveBayes
from unlearn_models.positive_unlabelled import held_out_rows
from unlearn_models.positive_unlabelled.ensemble import PUEnsemble, label_frequency
from unlearn_models.positive_unlabelled.fold import Parts, PUFold
from unlearn_models.positive_unlabelled.posterior import chances_of
from unlearn_models.positive_unlabelled.roles import hashes, is_held_out

_BASE = "base_"
_SMALLEST, _LARGEST = 1e-100, 1e100
_FAINTEST = float(np.finfo(np.float64).tiny)


def pu(learner_id: str, classes: tuple[str, ...], n_features: int, **settings: Any) -> PositiveUnlabelled:
    """The learner `pu-naive-bayes` or `pu-linear`; settings are `held_out`, `seed` and the base's own.

    The default of naive Bayes' alpha is 0.01: with few labelled rows and many features, 1 would outweigh the counts.
    Raises BadSettings; TypeError for an unknown setting.
    """
    own = {name: settings.pop(name) for name in ("held_out", "seed") if name in settings}
    kind = PU_BASES[learner_id]
    if kind is NaiveBayes:
        settings.setdefault("alpha", 0.01)
    return PositiveUnlabelled(kind(tuple(classes), n_features, **settings), **own)


PU_BASES: Mapping[str, type[NaiveBayes | Linear]] = {"pu-linear": Linear, "pu-naive-bayes": NaiveBayes}


@dataclass(frozen=True, slots=True)
class PositiveUnlabelled:
    """Two classes, of which the second is the positive one.  Label 1 = known positive, -1 = unlabelled.

    A row labelled 0 is not accepted: estimating c needs no known negatives, and training on them as unlabelled would
    make the unlabelled rows no sample of the population.  Send such a record without a label, or use the base alone.

    State: the base's arrays, each name behind `base_`; held_indptr, held_indices, held_values: the labelled rows held
    out, in canonical order; sum (1,) float64 and count (1,) int64 as in `summary`, both 0 until the base has learned
    rows of both kinds.

    Unlabelled rows held out are not kept: forgetting one that was never learned raises nothing.  held_out is the share
    of rows held out, 0 < share < 1; 0 <= seed < 2**63.  Raises BadSettings.
    """

    base: Learner
    held_out: float = 0.2
    seed: int = 0

    learns_unlabelled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        chances_of(self.base)
        if len(self.base.classes) != 2:
            raise BadSettings("positive and unlabelled rows make two classes")
        if not 0 < self.held_out < 1:
            raise BadSettings("held_out must lie between 0 and 1")
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise BadSettings("seed must be a whole number in 0..2**63-1")
        if isinstance(self.base, NaiveBayes) and not _SMALLEST <= self.base.alpha <= _LARGEST:
            raise BadSettings(f"alpha must lie in {_SMALLEST}..{_LARGEST}")
        if isinstance(self.base, Linear) and self.base.rarity:
            raise BadSettings("rarity changes the ensemble's chances, and c is estimated from each shard's own")

    @property
    def id(self) -> str:
        return f"pu-{self.base.id}"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.base.classes

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classes[1:]

    @property
    def n_features(self) -> int:
        return self.base.n_features

    @property
    def forgets(self) -> bool:
        return self.base.forgets

    @property
    def exact_everywhere(self) -> bool:
        return self.base.exact_everywhere

    @property
    def counts(self) -> bool:
        return self.base.counts

    @property
    def resumes(self) -> bool:
        return self.base.resumes

    def settings(self) -> dict[str, JSON]:
        return {
            "learner": self.id,
            "version": 1,
            "classes": list(self.classes),
            "n_features": self.n_features,
            "held_out": float(self.held_out),
            "seed": self.seed,
            "base": self.base.settings(),
        }

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        good = self.base.accepts(rows)
        good &= rows.labels != 0
        # Values of rows held out become part of the state, which must have no subnormal numbers.
        faint = np.flatnonzero(np.abs(rows.values) < _FAINTEST)
        good[np.searchsorted(rows.indptr, faint, side="right") - 1] = False
        return good

    def holds_out(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows are held out, (n,) bool: the base never trains on them, whatever their labels."""
        return is_held_out(hashes(rows, self.seed), self.held_out)

    def empty(self) -> State:
        return self.state(self.base.empty(), Rows.empty())

    def learn(self, state: State, rows: Rows) -> State:
        parts = self.parts(rows)
        if not len(parts.training) and not len(parts.held):
            return state
        base = self.base.learn(_base(state), parts.training)
        return self.state(base, held_out_rows.with_rows(_held(state), parts.held, self.seed))

    def forget(self, state: State, rows: Rows) -> State:
        if not self.forgets:
            raise CannotForget(f"{self.id} has no inverse: fold again from a state before the rows")
        parts = self.parts(rows)
        if not len(parts.training) and not len(parts.held):
            return state
        held = held_out_rows.without(_held(state), parts.held, self.seed)
        base = self.base.forget(_base(state), parts.training) if len(parts.training) else _base(state)
        return self.state(base, held)

    def fold(self, state: State) -> PUFold:
        """A fold that starts from this state; learning then costs the rows, not the state."""
        return PUFold(self, _base(state), _held(state))

    def check(self, state: State) -> None:
        base = _base(state)
        self.base.check(base)
        _check_own({name: array for name, array in state.items() if not name.startswith(_BASE)})
        try:
            held = _held(state)
        except BadRows as error:
            raise BadState(f"the rows held out: {error}") from None
        if not self.accepts(held).all() or not self.holds_out(held).all():
            raise BadState("a row is held out that should not be")
        if not held_out_rows.is_in_order(held, self.seed):
            raise BadState("the rows held out are not in order")
        total, count = self._sum(base, held)
        if state["sum"][0] != total or state["count"][0] != count:
            raise BadState("sum and count are not those of the rows held out")

    def ensemble(self, states: Sequence[State]) -> PUEnsemble:
        c = label_frequency([self.summary(state) for state in states])
        return PUEnsemble(self.base.ensemble([_base(state) for state in states]), c)

    def summary(self, state: State) -> dict[str, float]:
        """A shard's part in the estimate of c: `count` labelled rows held out, and the sum of its P(labelled | x)."""
        return {"sum": float(state["sum"][0]), "count": int(state["count"][0])}

    def parts(self, rows: Rows) -> Parts:
        """The training rows and the labelled rows held out; unlabelled rows held out are dropped.  Raises BadRows."""
        validation.demand(self.accepts(rows), f"is not one that {self.id} takes, labelled positive or not at all")
        held = self.holds_out(rows)
        training = rows.take(~held)
        kinds = np.maximum(training.labels, np.int32(0))
        return Parts(
            Rows(kinds, training.indptr, training.indices, training.values), rows.take(held & (rows.labels == 1))
        )

    def _sum(self, base: State, held: Rows) -> tuple[float, int]:
        if not len(held) or not base["rows"].all():
            return 0.0, 0
        # cumsum adds one after the other; sum would add in an order of its own.
        return float(np.cumsum(chances_of(self.base)(self.base, base, held))[-1]), len(held)

    def state(self, base: State, held: Rows) -> State:
        """The canonical state of a base's state and of the rows held out, which are in canonical order."""
        total, count = self._sum(base, held)
        return validation.freeze(
            **{_BASE + name: array for name, array in base.items()},
            held_indptr=held.indptr,
            held_indices=held.indices,
            held_values=held.values,
            sum=np.array([total], np.float64),
            count=np.array([count], np.int64),
        )


def _base(state: State) -> State:
    return {name.removeprefix(_BASE): array for name, array in state.items() if name.startswith(_BASE)}


def _held(state: State) -> Rows:
    indptr = state["held_indptr"]
    return Rows(np.ones(len(indptr) - 1, np.int32), indptr, state["held_indices"], state["held_values"])


def _check_own(state: State) -> None:
    none = np.empty(0)
    n, cells = (state.get(name, none).size for name in ("held_indptr", "held_indices"))
    wanted = {
        "held_indptr": ("i8", (n,)),
        "held_indices": ("i4", (cells,)),
        "held_values": ("f8", (cells,)),
        "sum": ("f8", (1,)),
        "count": ("i8", (1,)),
    }
    validation.check_arrays(state, wanted)
    if n == 0:
        raise BadState("held_indptr is empty")
