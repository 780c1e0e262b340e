"""The interface of every learner, whichever algorithm is inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.rows import Rows

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
State: TypeAlias = Mapping[str, NDArray[Any]]


class Ensemble(Protocol):
    """Several shards' states, ready to score."""

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """Probabilities (n, classes) float64, each row sums to 1; labels are ignored.  Raises BadRows."""
        ...


class Learner(Protocol):
    """A fold over rows without side effects.

    States are canonical (equal content, equal bytes), their arrays read-only.
    """

    @property
    def id(self) -> str:
        """The name under which `make_learner` finds it."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names; a label is an index into them, and scores have a column for each."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the classes that a row may be labelled with."""
        ...

    @property
    def n_features(self) -> int:
        """How many features there are; the indices of rows lie below it."""
        ...

    @property
    def forgets(self) -> bool:
        """Whether `forget` works; if not, it raises CannotForget."""
        ...

    @property
    def exact_everywhere(self) -> bool:
        """Whether states have the same bytes on every CPU; if not, they may differ from machine to machine."""
        ...

    @property
    def counts(self) -> bool:
        """Whether the values of features must be positive whole numbers."""
        ...

    @property
    def learns_unlabelled(self) -> bool:
        """Whether a row without a label can change the state; if not, `learn` skips it."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether learning can go on from a stored state.

        If not, a stored state only scores; to go on, its rows must be learned again.
        """
        ...

    def settings(self) -> dict[str, JSON]:
        """Everything beside the rows that states depend on, as JSON: part of the model's identity."""
        ...

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows `learn` takes, (n,) bool; asked before rows enter a shard, so that none stops training later."""
        ...

    def empty(self) -> State:
        """The state before any row."""
        ...

    def learn(self, state: State, rows: Rows) -> State:
        """The state after these rows, in this order.

        Changes no argument, and doesn't depend on how rows are divided among calls. Raises BadRows, RowsNeeded.
        """
        ...

    def forget(self, state: State, rows: Rows) -> State:
        """The state without these rows, in any order: the exact inverse of `learn`.

        Raises NotLearned, BadRows, RowsNeeded, CannotForget.
        """
        ...

    def check(self, state: State) -> None:
        """Raises BadState unless the arrays are a canonical state of this learner."""
        ...

    def summary(self, state: State) -> Mapping[str, float]:
        """The few numbers of a state that its manifest publishes; empty for most learners."""
        ...

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        """The shards' states combined for scoring.

        Shards without rows are ignored; without any rows, scores are uniform.
        """
        ...
