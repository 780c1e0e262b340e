"""One shard of SISA in memory: its rows by slice, and the fold over them."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.learner import Learner
from unlearn_models.base.rows import Rows
from unlearn_models.folds.fold import Fold, begin
from unlearn_models.folds.prepared import Prepared
from unlearn_models.sisa.cost_model import Rates, Way, Work

__all__ = ["Shard", "Timed"]

_TRIED, _TRIES = 2000, 5
"""How many rows rates are measured on, and how often."""


@dataclass(slots=True)
class Timed:
    """Seconds that forgetting `rows` rows took."""

    seconds: float
    rows: int


@dataclass(slots=True)
class Shard:
    """One shard's rows by slice; places (n,) int64 are their positions among the rows given to `Sisa.fit`, ascending.

    Slice k holds the positions edges[k]..edges[k+1]-1, which are the shard's rows ends[k]..ends[k+1]-1; sizes[k] of
    them are left.
    """

    learner: Learner
    fold: Fold
    edges: list[int]
    rows: Prepared
    places: NDArray[np.int64]
    ends: list[int]
    sizes: list[int]

    @staticmethod
    def cut(learner: Learner, rows: Rows, places: NDArray[np.int64], edges: list[int]) -> Shard:
        """A shard of the rows at these places; nothing is learned yet.  edges: positions where slices begin and end.

        Raises BadRows.
        """
        fold = begin(learner)
        ends = places.searchsorted(edges)
        return Shard(
            learner, fold, edges, fold.prepare(rows.take(places)), places, ends.tolist(), np.diff(ends).tolist()
        )

    def learn_from(self, start: int, marks: Sequence[int]) -> int:
        """Learn the slices from number `start` on, where the fold stands; returns the number of rows learned.

        Sets those of `marks`, numbers of slices in ascending order, that are above `start`.
        """
        numbers = marks[bisect_right(marks, start) :]
        self.rows.learn(self.ends[start], [self.ends[end] for end in (*numbers, -1)], numbers)
        return sum(self.sizes[start:])

    def rates(self, marks: Sequence[int]) -> Rates:
        """Seconds to learn a row and to set one of these marks, measured on 2,000 rows before anything is learned.

        Runs with marks and without take turns, and medians count, as others use the machine too.
        """
        rows = min(_TRIED, self.ends[-1])
        numbers = marks[: bisect_left(marks, rows, key=self.ends.__getitem__)]
        plain, beyond = [], []
        for _ in range(_TRIES):
            plain.append(self._tried((), rows))
            beyond.append(self._tried(numbers, rows) - plain[-1] if numbers else 0.0)
        return Rates(learn=median(plain) / max(rows, 1), mark=max(median(beyond), 0.0) / max(len(numbers), 1))

    def _tried(self, numbers: Sequence[int], rows: int) -> float:
        began = time.perf_counter()
        self.rows.learn(0, [*(self.ends[number] for number in numbers), rows], numbers)
        seconds = time.perf_counter() - began
        self.fold.rewind(0)
        return seconds

    def work(self, gone: NDArray[np.int64], marks: Sequence[int]) -> Work:
        """What deleting the rows at these positions (ascending) takes; marks ascend."""
        start = self._start(gone)
        again = len(marks) - bisect_right(marks, start)
        before, after = sum(self.sizes[:start]), sum(self.sizes[start:])
        return Work(len(gone), before, after - len(gone), again, self.learner.forgets)

    def forget(self, gone: NDArray[np.int64]) -> Timed:
        """Delete the rows at these positions (ascending) by the learner's inverse.  Raises CannotForget, NotLearned."""
        at = self.places.searchsorted(gone)
        began = time.perf_counter()
        self.rows.forget(at)
        timed = Timed(time.perf_counter() - began, len(gone))
        self._strike(gone, at)
        return timed

    def relearn(self, gone: NDArray[np.int64], way: Way, marks: Sequence[int]) -> tuple[int, int]:
        """Delete the rows at these positions (ascending) by learning again: from a mark if the way is FOLD, or all.

        Returns the number of slices learned at the starting point, and of rows learned.
        """
        start = self._start(gone) if way is Way.FOLD else 0
        self._strike(gone, self.places.searchsorted(gone))
        self.fold.rewind(start)
        return start, self.learn_from(start, marks if way is Way.FOLD else ())

    def _start(self, gone: NDArray[np.int64]) -> int:
        """The newest mark before the first slice that holds one of these positions."""
        marks = self.fold.marks
        return marks[bisect_right(marks, self._slice_of(int(gone[0]))) - 1]

    def _slice_of(self, position: int) -> int:
        return bisect_right(self.edges, position) - 1

    def _strike(self, gone: NDArray[np.int64], at: NDArray[np.intp]) -> None:
        self.rows.strike(at)
        positions, first = gone.tolist(), 0
        while first < len(positions):
            number = self._slice_of(positions[first])
            behind = bisect_left(positions, self.edges[number + 1], first)
            self.sizes[number] -= behind - first
            first = behind
