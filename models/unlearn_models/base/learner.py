"""What every learner gives, whichever algorithm is inside."""

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
        """Probabilities (n, classes), each row sums to 1; labels are not looked at.  Raises BadRows."""
        ...


class Learner(Protocol):
    """A pure fold over rows.  States are canonical (equal content, equal bytes), their arrays read-only."""

    @property
    def id(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the classes that a row may be labelled with."""
        ...

    @property
    def n_features(self) -> int: ...

    @property
    def forgets(self) -> bool:
        """Whether `forget` is there."""
        ...

    @property
    def exact_everywhere(self) -> bool:
        """Whether states have the same bytes on every CPU; if not, they go with a numeric profile."""
        ...

    @property
    def counts(self) -> bool:
        """Whether values of features must be whole and not negative."""
        ...

    @property
    def learns_unlabelled(self) -> bool:
        """Whether a row without a label teaches it something; if not, `learn` skips it."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether learning goes on from a stored state; if not, a stored state only scores, and the rows are needed."""
        ...

    def settings(self) -> dict[str, JSON]:
        """All that states depend on beside the rows: part of the model's identity."""
        ...

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows `learn` takes, (n,); asked before rows enter, so that none stops a shard later."""
        ...

    def empty(self) -> State: ...

    def learn(self, state: State, rows: Rows) -> State:
        """The state after these rows in this order.

        Changes no argument, and doesn't depend on how rows are cut into calls.
        Raises BadRows, RowsNeeded.
        """
        ...

    def forget(self, state: State, rows: Rows) -> State:
        """The exact inverse of `learn`, in any order.  Raises NotLearned, BadRows, RowsNeeded, CannotForget."""
        ...

    def check(self, state: State) -> None:
        """Raises BadState unless the arrays are a canonical state of this learner."""
        ...

    def summary(self, state: State) -> Mapping[str, float]:
        """The few numbers of a state that its manifest tells; most learners have none."""
        ...

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        """Shards without rows take no part; no rows at all score uniform."""
        ...
