"""One shard of SISA in memory: its rows by slice, and the fold over them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.cheapest import Way, Work
from models.fold import Fold, begin
from models.holes import without
from models.learner import Learner
from models.rows import Rows

__all__ = ["Shard", "Timed"]


@dataclass(slots=True)
class Timed:
    """Seconds spent learning and setting marks, and how many rows and marks that was."""

    learn: float = 0.0
    rows: int = 0
    mark: float = 0.0
    marks: int = 0


@dataclass(slots=True)
class Shard:
    """Rows and their positions in `Sisa.fit`'s; slice k holds those before edges[k + 1], `sizes` are left.

    A deleted row becomes one without a label where the learner skips such rows: nothing else need move, and its
    cells stay until the next fit.  Otherwise it is taken out.
    """

    learner: Learner
    fold: Fold
    edges: list[int]
    rows: Rows
    places: NDArray[np.int64]
    sizes: list[int]

    @staticmethod
    def cut(learner: Learner, rows: Rows, places: NDArray[np.int64], edges: list[int]) -> Shard:
        """Nothing is learned yet.  places: the shard's positions in the rows, ascending."""
        shard = Shard(learner, begin(learner), edges, rows.take(places), places, [])
        shard._count()
        return shard

    def learn_from(self, start: int, marks: Sequence[int]) -> Timed:
        """Learn the slices from `start` on, where the fold stands; remember the ends in `marks`."""
        timed = Timed(rows=sum(self.sizes[start:]))
        began, stops = time.perf_counter(), [number for number in marks if number > start]
        for stop in [*stops, len(self.sizes)]:
            self._learn(start, stop)
            start = stop
            if stop in marks:
                marking = time.perf_counter()
                self.fold.mark(stop)
                timed.mark += time.perf_counter() - marking
                timed.marks += 1
        timed.learn = time.perf_counter() - began - timed.mark
        return timed

    def work(self, gone: NDArray[np.int64], marks: Sequence[int]) -> Work:
        """What deleting these positions (ascending) means; marks ascend."""
        start = self._start(gone)
        again = len(marks) - bisect_right(marks, start)
        return Work(len(gone), sum(self.sizes[start:]) - len(gone), again, self.learner.forgets)

    def delete(self, gone: NDArray[np.int64], way: Way, marks: Sequence[int]) -> tuple[int | None, Timed]:
        """Delete these positions (ascending); how many slices the starting point had learned, None if forgotten."""
        at = self.places.searchsorted(gone)
        if way is Way.FORGET:
            removed = self.rows.take(at)
            began = time.perf_counter()
            self.fold.forget(removed)
            timed = Timed(time.perf_counter() - began, len(gone))
            self._remove(gone, at)
            return None, timed
        start = self._start(gone)
        self._remove(gone, at)
        self.fold.rewind(start)
        return start, self.learn_from(start, marks if way is Way.FOLD else ())

    def _learn(self, start: int, stop: int) -> None:
        if stop > start:
            self.fold.learn(_view(self.rows, *self.places.searchsorted([self.edges[start], self.edges[stop]])))

    def _start(self, gone: NDArray[np.int64]) -> int:
        """The newest mark before the first slice hit."""
        marks = self.fold.marks
        return marks[bisect_right(marks, self._slice_of(int(gone[0]))) - 1]

    def _slice_of(self, position: int) -> int:
        return bisect_right(self.edges, position) - 1

    def _remove(self, gone: NDArray[np.int64], at: NDArray[np.intp]) -> None:
        if self.learner.learns_unlabelled:
            self.rows, self.places = without(self.rows, at), np.delete(self.places, at)
            self._count()
            return
        self.rows.labels[at] = -1
        for position in gone.tolist():
            self.sizes[self._slice_of(position)] -= 1

    def _count(self) -> None:
        self.sizes = np.diff(self.places.searchsorted(self.edges)).tolist()


def _view(rows: Rows, start: int, stop: int) -> Rows:
    """The rows from start to stop, in the same memory."""
    a, b = rows.indptr[start], rows.indptr[stop]
    return Rows(rows.labels[start:stop], rows.indptr[start : stop + 1] - a, rows.indices[a:b], rows.values[a:b])
