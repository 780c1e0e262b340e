"""The fold of positive and unlabelled rows: the base's fold over the training rows, and the rows held out beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.fold import begin
from unlearn_models.folds.prepared import check_legs, check_places, overwrite
from unlearn_models.positive_unlabelled import held_out_rows

__all__ = ["PUFold", "Parts"]


class Parts(NamedTuple):
    """training: labelled rows as class 1, unlabelled ones as class 0; held: the labelled rows held out."""

    training: Rows
    held: Rows


class _Learner(Protocol):
    @property
    def base(self) -> Learner: ...

    @property
    def seed(self) -> int: ...

    def holds_out(self, rows: Rows) -> NDArray[np.bool_]: ...

    def parts(self, rows: Rows) -> Parts: ...

    def state(self, base: State, held: Rows) -> State: ...


class PUFold:
    """The base's fold, and the rows held out, a part for each call in that order; each mark keeps these parts."""

    def __init__(self, learner: _Learner, base: State, held: Rows) -> None:
        self._learner = learner
        self.base = begin(learner.base, base)
        self.held: tuple[Rows, ...] = (held,)
        self._marks: dict[int, tuple[Rows, ...]] = {0: self.held}

    def learn(self, rows: Rows) -> None:
        parts = self._learner.parts(rows)
        self.base.learn(parts.training)
        self.held = (*self.held, parts.held)

    def forget(self, rows: Rows) -> None:
        parts = self._learner.parts(rows)
        held = self.held_without(parts.held)
        self.base.forget(parts.training)
        self.held = (held,)

    def prepare(self, rows: Rows) -> _Parted:
        return _Parted(self, self._learner, rows)

    def mark(self, number: int) -> None:
        self.base.mark(number)
        self.remember(number)

    def remember(self, number: int) -> None:
        """Save which rows are held out now under the number of a mark that the base's fold has set."""
        self._marks[number] = self.held

    def rewind(self, number: int) -> None:
        self.base.rewind(number)
        self.held = self._marks[number]
        self._marks = {at: held for at, held in self._marks.items() if at <= number}

    @property
    def marks(self) -> list[int]:
        return self.base.marks

    def state(self) -> State:
        return self._learner.state(self.base.state(), self._in_order())

    def held_without(self, gone: Rows) -> Rows:
        """The rows held out, in canonical order, without these.  Raises NotLearned where one is not held out."""
        return held_out_rows.without(self._in_order(), gone, self._learner.seed)

    def _in_order(self) -> Rows:
        first, *more = self.held
        return held_out_rows.with_rows(first, Rows.concat(more), self._learner.seed)


class _Parted:
    """Prepared rows, parted by their role once.

    places (n + 1,) and held_places (n + 1,) count the training rows, and the labelled rows held out, before each row.
    """

    def __init__(self, fold: PUFold, learner: _Learner, rows: Rows) -> None:
        parts = learner.parts(rows)
        out = learner.holds_out(rows)
        self._fold = fold
        self._trains, self._waits = ~out, out & (rows.labels == 1)
        self._places, self._held_places = (np.append(0, np.cumsum(role)) for role in (self._trains, self._waits))
        self._training = fold.base.prepare(parts.training)
        # Copies, here and of what is learned: `strike` writes to these rows.
        self._held, self._alive = parts.held.take(np.arange(len(parts.held))), np.ones(len(parts.held), np.bool_)

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        check_legs(len(self._trains), start, stops, self._fold.marks[-1:], numbers)
        first, *rest = self._places[[start, *stops]].tolist()
        self._training.learn(first, rest, numbers)
        for leg, (a, b) in enumerate(pairwise(self._held_places[[start, *stops]].tolist())):
            self._fold.held = (*self._fold.held, self._held.part(a, b).take(np.flatnonzero(self._alive[a:b])))
            if leg < len(numbers):
                self._fold.remember(numbers[leg])

    def forget(self, at: NDArray[np.intp]) -> None:
        fold = self._fold
        held = fold.held_without(self._held.take(self._held_at(at)))
        self._training.forget(self._trained_at(at))
        fold.held = (held,)

    def strike(self, at: NDArray[np.intp]) -> None:
        check_places(len(self._trains), at)
        self._training.strike(self._trained_at(at))
        held = self._held_at(at)
        self._alive[held] = False
        overwrite(self._held, held)

    def _trained_at(self, at: NDArray[np.intp]) -> NDArray[np.intp]:
        places: NDArray[np.intp] = self._places[at[self._trains[at]]]
        return places

    def _held_at(self, at: NDArray[np.intp]) -> NDArray[np.intp]:
        places: NDArray[np.intp] = self._held_places[at[self._waits[at]]]
        return places
