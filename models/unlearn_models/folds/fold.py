"""A fold in progress: one state, changed in place, with marks to return to.

`Learner.learn` is pure and costs a copy of the state at each call; a fold costs the rows alone.  A learner may bring a
fold of its own (`Folds`); for any other one `Steps` does the same through `learn` and `forget`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from unlearn_models.base import validation
from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.prepared import Plain, Prepared, rising

__all__ = ["Fold", "Folds", "Onward", "Steps", "begin", "onward"]


class Fold(Protocol):
    """A state that is changed in place.  A mark is a saved point that `rewind` returns to.

    The caller numbers the marks in ascending order; mark 0 is where the fold began.
    """

    def learn(self, rows: Rows) -> None:
        """As `Learner.learn`, in place.  Raises BadRows; the fold is unchanged then."""
        ...

    def forget(self, rows: Rows) -> None:
        """As `Learner.forget`, in place.  Raises NotLearned, BadRows, CannotForget; the fold is unchanged then."""
        ...

    def prepare(self, rows: Rows) -> Prepared:
        """The rows in the form that this fold learns from, to be learned any number of times.  Raises BadRows."""
        ...

    def mark(self, number: int) -> None:
        """Save this point under a number.  Raises ValueError unless it is above that of the newest mark."""
        ...

    def rewind(self, number: int) -> None:
        """Return to this mark, which stays; all later ones are dropped.  Raises KeyError if there is no such mark."""
        ...

    @property
    def marks(self) -> list[int]:
        """The marks' numbers in ascending order, 0 first."""
        ...

    def state(self) -> State:
        """The canonical state of all that is learned now."""
        ...


@runtime_checkable
class Folds(Protocol):
    """A learner with a fold of its own."""

    def fold(self, state: State) -> Fold:
        """A fold that starts from this state."""
        ...


def begin(learner: Learner, state: State | None = None) -> Fold:
    """A fold that starts from this state, or from the learner's empty one."""
    state = learner.empty() if state is None else state
    return learner.fold(state) if isinstance(learner, Folds) else Steps(learner, state)


@runtime_checkable
class Onward(Protocol):
    """A learner with a fold of its own that is never rewound, so that it keeps nothing to return to."""

    def onward(self, state: State) -> Fold:
        """A fold that goes on from this state. `rewind` may not be called."""
        ...


def onward(learner: Learner, state: State) -> Fold:
    """A fold that goes on from this state, and is never rewound."""
    return learner.onward(state) if isinstance(learner, Onward) else Steps(learner, state)


class Steps:
    """The fold of a learner that has none of its own: each mark keeps a whole state."""

    def __init__(self, learner: Learner, state: State) -> None:
        self._learner = learner
        self._state = state
        self._marks = {0: state}

    def learn(self, rows: Rows) -> None:
        self._state = self._learner.learn(self._state, rows)

    def forget(self, rows: Rows) -> None:
        """As `Fold.forget`; but marks keep these rows, and rewinding brings them back."""
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
