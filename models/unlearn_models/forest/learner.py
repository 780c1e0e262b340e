"""The forest as a `Learner`: sparse rows in, the trees' arrays as its state, the rows kept beside them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base import validation
from unlearn_models.base.errors import BadSettings, BadState, RowsNeeded
from unlearn_models.base.learner import JSON, Ensemble, State
from unlearn_models.base.rows import Rows
from unlearn_models.base.uniform import Uniform
from unlearn_models.forest.forest import Forest
from unlearn_models.forest.keys import row_keys
from unlearn_models.forest.predict import predict
from unlearn_models.forest.settings import Settings, check_width
from unlearn_models.forest.trees import Trees, bare_trees
from unlearn_models.forest.verify import check_trees

_CHUNK = 4096
_SMALLEST = np.finfo(np.float64).tiny
_GOOD = "is not sorted normal numbers of this model's features and classes"

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"trees": 100, "depth": 10, "thresholds": 25, "features": 9, "share": 0.1},
    "accurate": {"trees": 100, "depth": 14, "thresholds": 25, "features": 30, "share": 0.3, "min_leaf": 3},
}


def forest(classes: tuple[str, ...], n_features: int, preset: str = "fast", **settings: Any) -> ForestLearner:
    """A forest with a preset's settings, any of which `settings` may replace.  Raises BadSettings, TypeError."""
    if preset not in PRESETS:
        raise BadSettings(f"the forest has no preset {preset!r}; it has {', '.join(PRESETS)}")
    return ForestLearner(classes, n_features, Settings(**(PRESETS[preset] | settings)))


class GrownState(Mapping[str, NDArray[Any]]):
    """A state that still has its forest with the rows, so that learning can go on from it.

    Its arrays are made when first asked for; pickling keeps the arrays alone.
    """

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self._arrays: State | None = None

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._made()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())

    def __reduce__(self) -> tuple[type, tuple[dict[str, NDArray[Any]]]]:
        return dict, (dict(self._made()),)

    def _made(self) -> State:
        if self._arrays is None:
            self._arrays = validation.freeze(rows=self.forest.class_counts(), **self.forest.trees()._asdict())
        return self._arrays


@dataclass(frozen=True, slots=True)
class ForestLearner:
    """State: the arrays of `Trees`, and rows (classes,) int64.  Absent features are 0.0; at most 1,024 features.

    A row's key is a hash of its content.  Learning and forgetting go on only from states made in this process, as these
    hold the rows.  An ensemble averages its shards' probabilities.  Raises BadSettings.
    """

    classes: tuple[str, ...]
    n_features: int
    growth: Settings

    id: ClassVar[str] = "forest"
    forgets: ClassVar[bool] = True
    exact_everywhere: ClassVar[bool] = True
    resumes: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    learns_unlabelled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.check_shape(self.classes, self.n_features)
        check_width(self.n_features, len(self.classes))

    @property
    def labels(self) -> tuple[str, ...]:
        return self.classes

    def settings(self) -> dict[str, JSON]:
        growth = asdict(self.growth) | {"share": float(self.growth.share)}
        return {
            "learner": self.id,
            "version": 1,
            "classes": list(self.classes),
            "n_features": self.n_features,
            **growth,
        }

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        good = validation.well_formed(rows, len(self.classes), self.n_features)
        small = np.flatnonzero(np.abs(rows.values) < _SMALLEST)
        good[np.searchsorted(rows.indptr, small, side="right") - 1] = False
        return good

    def empty(self) -> State:
        trees = bare_trees(self.growth.trees, len(self.classes))
        return validation.freeze(rows=np.zeros(len(self.classes), np.int64), **trees._asdict())

    def learn(self, state: State, rows: Rows) -> State:
        rows = self._usable(rows)
        if not len(rows):
            return state
        forest = self._live(state).copy()
        forest.apply(added_keys=self._keys(rows), x=dense(rows, self.n_features), y=rows.labels)
        return GrownState(forest)

    def forget(self, state: State, rows: Rows) -> State:
        rows = self._usable(rows)
        if not len(rows):
            return state
        forest = self._live(state).copy()
        forest.apply(deleted_keys=self._keys(rows))
        return GrownState(forest)

    def check(self, state: State) -> None:
        if set(state) != {"rows", *Trees._fields}:
            raise BadState(f"a state holds {sorted(('rows', *Trees._fields))}, not {sorted(state)}")
        validation.check_arrays({"rows": state["rows"]}, {"rows": ("i8", (len(self.classes),))})
        validation.check_rows_seen(state["rows"])
        check_trees(_trees(state), self.growth, state["rows"], self.n_features)

    def summary(self, state: State) -> dict[str, float]:
        return {}

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        forests = [trees for trees in map(_trees, states) if trees.counts.any()]
        if not forests:
            return Uniform(len(self.classes))
        return _Vote(self, forests)

    def _bare(self) -> Forest:
        return Forest(self.growth, len(self.classes), self.n_features)

    def _live(self, state: State) -> Forest:
        if isinstance(state, GrownState):
            return state.forest
        if state["rows"].any():
            raise RowsNeeded("a stored forest only scores: to go on, learn its rows again from an empty state")
        return self._bare()

    def _usable(self, rows: Rows) -> Rows:
        validation.demand(self.accepts(rows), _GOOD)
        return validation.labelled(rows)

    def _keys(self, rows: Rows) -> NDArray[np.uint64]:
        return row_keys(rows, self.growth.seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Vote:
    learner: ForestLearner
    forests: list[Trees]

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        learner = self.learner
        validation.demand(validation.well_formed(rows, len(learner.classes), learner.n_features), _GOOD)
        out = np.empty((len(rows), len(learner.classes)))
        for start in range(0, len(rows), _CHUNK):
            part = rows.take(np.arange(start, min(start + _CHUNK, len(rows))))
            out[start : start + len(part)] = self._mean(dense(part, learner.n_features))
        return out

    def _mean(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        votes = predict(self.forests[0], x)
        for trees in self.forests[1:]:
            votes += predict(trees, x)
        return votes / len(self.forests)


def dense(rows: Rows, n_features: int) -> NDArray[np.float64]:
    """The rows as a dense array (n, n_features) float64, absent features 0.0."""
    x = np.zeros((len(rows), n_features))
    x[np.repeat(np.arange(len(rows)), np.diff(rows.indptr)), rows.indices] = rows.values
    return x


def _trees(state: State) -> Trees:
    return Trees(*(cast("Any", state[name]) for name in Trees._fields))
