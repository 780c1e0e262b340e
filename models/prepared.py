"""Rows kept at hand for a fold: what can be worked out once is not worked out again whenever they are learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.holes import without
from models.rows import Rows, cells_of

__all__ = ["Plain", "Prepared", "overwrite"]


class Prepared(Protocol):
    """Rows in the form that their fold learns from; positions stay, whatever is struck out."""

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        """Learn the rows from start up to each stop that are not struck out.

        The fold marks each stop but the last, if the numbers of the marks are given.
        """
        ...

    def forget(self, at: NDArray[np.intp]) -> None:
        """Have the fold forget these rows.  Raises CannotForget, NotLearned."""
        ...

    def strike(self, at: NDArray[np.intp]) -> None:
        """From now on these rows are as if they had never been, and what they held is overwritten."""
        ...


class _Fold(Protocol):
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
        for stop, number in zip_longest(stops, numbers):
            struck = np.flatnonzero(~self._alive[start:stop])
            self._fold.learn(without(self._rows.part(start, stop), struck))
            if number is not None:
                self._fold.mark(number)
            start = stop

    def forget(self, at: NDArray[np.intp]) -> None:
        self._fold.forget(self._rows.take(at))

    def strike(self, at: NDArray[np.intp]) -> None:
        self._alive[at] = False
        overwrite(self._rows, at)


def overwrite(rows: Rows, at: NDArray[np.intp]) -> None:
    """What the rows at these positions held is gone; the rows must be the caller's own, and be learned no more."""
    _, cells = cells_of(rows.indptr, at)
    rows.indices[cells], rows.values[cells] = 0, 0.0
