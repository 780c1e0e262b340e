"""Rows in the form that a fold learns from: what can be computed once is not computed again at each learning."""

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
    """Rows prepared for one fold.  A row keeps its position, also when others are removed by `strike`."""

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        """Learn the rows from `start` up to each stop in turn, without those removed by `strike`.

        If `numbers` are given, the fold sets a mark with the next number at each stop but the last.  Raises ValueError
        if stops descend or lie outside, numbers don't ascend, or there are not len(stops) - 1 of them; the fold is
        unchanged then.
        """
        ...

    def forget(self, at: NDArray[np.intp]) -> None:
        """Make the fold forget the rows at these positions.  Raises CannotForget, NotLearned."""
        ...

    def strike(self, at: NDArray[np.intp]) -> None:
        """Remove the rows at these positions: they are never learned again, and their content is overwritten.

        Raises IndexError for a position out of range; nothing has changed then.
        """
        ...


class _Fold(Protocol):
    @property
    def marks(self) -> list[int]: ...

    def learn(self, rows: Rows) -> None: ...

    def mark(self, number: int) -> None: ...

    def forget(self, rows: Rows) -> None: ...


class Plain:
    """Prepared rows of a fold that has nothing to prepare: a copy of them."""

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
    """Raises ValueError unless these are valid arguments of `Prepared.learn` for `size` rows.

    newest: the number of the fold's newest mark, or nothing if it has none.
    """
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
    """Raises IndexError unless all positions lie in 0..size-1."""
    if len(at) and not 0 <= at.min() <= at.max() < size:
        raise no_place(size)


def no_place(size: int) -> IndexError:
    """The error for a position outside 0..size-1."""
    return IndexError(f"positions lie in 0..{size - 1}")


def overwrite(rows: Rows, at: NDArray[np.intp]) -> None:
    """Set the cells of the rows at these positions to 0, so that their content is gone.

    The arrays must be the caller's own, and these rows must not be learned again.
    """
    _, cells = cells_of(rows.indptr, at)
    rows.indices[cells], rows.values[cells] = 0, 0.0
