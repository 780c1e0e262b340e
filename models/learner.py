"""What every learner gives, whichever algorithm is inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.rows import Rows

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
    def n_features(self) -> int: ...

    @property
    def forgets(self) -> bool:
        """Whether `forget` is there."""
        ...

    @property
    def exact_everywhere(self) -> bool:
        """Whether states have the same bytes on every CPU; if not, they go with a numeric profile."""
        ...

    def settings(self) -> dict[str, JSON]:
        """All that states depend on beside the rows: part of the model's identity."""
        ...

    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows `learn` takes, (n,); asked before rows enter, so that none stops a shard later."""
        ...

    def empty(self) -> State: ...

    def learn(self, state: State, rows: Rows) -> State:
        """The state after these rows in this order; unlabelled ones are skipped.

        Changes no argument, and doesn't depend on how rows are cut into calls.  Raises BadRows.
        """
        ...

    def forget(self, state: State, rows: Rows) -> State:
        """The exact inverse of `learn`, in any order.  Raises NotLearned, BadRows, CannotForget."""
        ...

    def check(self, state: State) -> None:
        """Raises BadState unless the arrays are a canonical state of this learner."""
        ...

    def ensemble(self, states: Sequence[State]) -> Ensemble:
        """Shards without rows take no part; no rows at all score uniform."""
        ...
