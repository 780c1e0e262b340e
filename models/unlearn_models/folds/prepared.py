"""Rows kept at hand for a fold: what can be worked out once is not worked out again whenever they are learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.rows import Rows, cells_of
from unlearn_models.folds.holes import without

__all__ = ["Plain", "Prepared", "check_legs", "check_places", "no_place", "overwrite", "rising"]


class Prepared(Protocol):
    """Rows in the form that their fold learns from; positions stay, whatever is struck out."""

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        """Learn the rows from start up to each stop that are not struck out.

        The fold marks each stop but the last, if the numbers of the marks are given.  Raises ValueError, the fold
        unchanged, for stops that fall or lie outside, numbers that don't rise, and too many or too few of them.
        """
        ...

    def forget(self, at: NDArray[np.intp]) -> None:
        """Have the fold forget these rows.  Raises CannotForget, NotLearned."""
        ...

    def strike(self, at: NDArray[np.intp]) -> None:
        """From now on these rows are as if they had never been, and what they held is overwritten.

        Raises IndexError for a position that is none, and nothing has changed then.
        """
        ...


class _Fold(Protocol):
    @property
    def marks(self) -> list[int]: ...

    def learn(self, rows: Rows) -> None: ...

    def mark(self, number: int) -> None: ...

    def forget(self, rows: Rows) -> None: ...


class Plain:
    """For a fold with nothing to prepare."""

    def __init__(self, fold: _Fold, rows: Rows) -> None:
        self._fold = fold
        self._rows = Rows(rows.labels.copy(), rows.indptr, rows.indices.copy(), rows.values.copy())
        self._alive = np.ones(len(rows), np.bool_)

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        check_legs(len(self._rows), start, stops, self._fold.marks[-1:], numbers)
        for stop, number in zip_longest(stops, numbers):
            struck = np.flatnonzero(~self._alive[start:stop])
            self._fold.learn(without(self._rows.part(start, stop), struck))
            if number is not None:
                self._fold.mark(number)
            start = stop

    def forget(self, at: NDArray[np.intp]) -> None:
        self._fold.forget(self._rows.take(at))

    def strike(self, at: NDArray[np.intp]) -> None:
        check_places(len(self._rows), at)
        self._alive[at] = False
        overwrite(self._rows, at)


def check_legs(size: int, start: int, stops: Sequence[int], newest: Sequence[int], numbers: Sequence[int]) -> None:
    """Raises ValueError unless `Prepared.learn` of so many rows means something after this mark, if there is one."""
    edges = [0, start, *stops, size]
    if any(a > b for a, b in pairwise(edges)) or not stops or (numbers and len(numbers) != len(stops) - 1):
        raise ValueError("legs go from a start to stops that rise, within the rows; each but the last may be marked")
    for older, number in pairwise([*newest, *numbers]):
        rising(older, number)


def rising(newest: int, number: int) -> None:
    """Raises ValueError unless a mark of this number may follow the newest one."""
    if number <= newest:
        raise ValueError(f"mark {number} does not follow mark {newest}")


def check_places(size: int, at: NDArray[np.intp]) -> None:
    """Raises IndexError unless all are positions of so many rows."""
    if len(at) and not 0 <= at.min() <= at.max() < size:
        raise no_place(size)


def no_place(size: int) -> IndexError:
    """The error for a position that none of so many rows has."""
    return IndexError(f"positions lie in 0..{size - 1}")


def overwrite(rows: Rows, at: NDArray[np.intp]) -> None:
    """What the rows at these positions held is gone; the rows must be the caller's own, and be learned no more."""
    _, cells = cells_of(rows.indptr, at)
    rows.indices[cells], rows.values[cells] = 0, 0.0
