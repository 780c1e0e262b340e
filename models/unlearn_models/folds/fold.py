"""A fold under way: one state, changed in place, with marks to go back to.

`Learner.learn` is pure and pays for a whole state with each call; a fold pays for the rows.  A learner may bring
a fold of its own (`Folds`); for any other `Steps` does the same through `learn` and `forget`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from unlearn_models.base import validation
from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.prepared import Plain, Prepared, rising

__all__ = ["Fold", "Folds", "Steps", "begin"]


class Fold(Protocol):
    """Marks are numbered by the caller, rising; the one of number 0 is where the fold began."""

    def learn(self, rows: Rows) -> None:
        """As `Learner.learn`.  Raises BadRows, the fold unchanged."""
        ...

    def forget(self, rows: Rows) -> None:
        """As `Learner.forget`.  Raises NotLearned, BadRows, CannotForget, the fold unchanged."""
        ...

    def prepare(self, rows: Rows) -> Prepared:
        """Rows to learn from this fold's own form of them, again and again.  Raises BadRows."""
        ...

    def mark(self, number: int) -> None:
        """Remember this place.  Numbers rise: a smaller one than the newest is a ValueError."""
        ...

    def rewind(self, number: int) -> None:
        """Back to this mark, which stays; all later ones are gone.  Raises KeyError without such a mark."""
        ...

    @property
    def marks(self) -> list[int]:
        """In order, 0 first."""
        ...

    def state(self) -> State:
        """The canonical state of what is learned now."""
        ...


@runtime_checkable
class Folds(Protocol):
    """A learner with a fold of its own."""

    def fold(self, state: State) -> Fold: ...


def begin(learner: Learner, state: State | None = None) -> Fold:
    """A fold from this state, or from the empty one."""
    state = learner.empty() if state is None else state
    return learner.fold(state) if isinstance(learner, Folds) else Steps(learner, state)


class Steps:
    """The fold of a learner that has none of its own: a mark keeps a whole state."""

    def __init__(self, learner: Learner, state: State) -> None:
        self._learner = learner
        self._state = state
        self._marks = {0: state}

    def learn(self, rows: Rows) -> None:
        self._state = self._learner.learn(self._state, rows)

    def forget(self, rows: Rows) -> None:
        """What is marked keeps the rows: rewinding brings them back."""
        self._state = self._learner.forget(self._state, rows)

    def prepare(self, rows: Rows) -> Plain:
        validation.demand(self._learner.accepts(rows), "is not a row that this learner takes")
        return Plain(self, rows)

    def mark(self, number: int) -> None:
        rising(self.marks[-1], number)
        self._marks[number] = self._state

    def rewind(self, number: int) -> None:
        self._state = self._marks[number]
        self._marks = {at: state for at, state in self._marks.items() if at <= number}

    @property
    def marks(self) -> list[int]:
        return list(self._marks)

    def state(self) -> State:
        return self._state
