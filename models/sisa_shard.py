"""One shard of SISA in memory: its rows by slice, and the fold over them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    """Rows slice by slice, their positions in `Sisa.fit`'s, how many are left; slice k ends at edges[k + 1].

    The work of a deletion besides learning is kept small: with many slices it would be most of it.
    """

    learner: Learner
    fold: Fold
    edges: list[int]
    slices: list[Rows]
    places: list[NDArray[np.int64]]
    sizes: list[int]

    @staticmethod
    def cut(learner: Learner, rows: Rows, places: NDArray[np.int64], edges: NDArray[np.int64]) -> Shard:
        """Nothing is learned yet.  places: the shard's positions in the rows, ascending."""
        parts = [places[a:b] for a, b in pairwise(np.searchsorted(places, edges))]
        slices = [rows.take(part) for part in parts]
        return Shard(learner, begin(learner), edges.tolist(), slices, parts, [len(part) for part in parts])

    def learn_from(self, start: int, marks: Sequence[int]) -> Timed:
        """Learn the slices from `start` on, where the fold stands; remember the ends in `marks`."""
        timed = Timed(rows=sum(self.sizes[start:]))
        began, wanted = time.perf_counter(), set(marks)
        for number, rows in enumerate(self.slices[start:], start + 1):
            if self.sizes[number - 1]:
                self.fold.learn(rows)
            if number in wanted:
                marking = time.perf_counter()
                self.fold.mark(number)
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
        if way is Way.FORGET:
            removed = Rows.concat([self.slices[number].take(at) for number, at in self._found(gone)])
            began = time.perf_counter()
            self.fold.forget(removed)
            timed = Timed(time.perf_counter() - began, len(gone))
            self._remove(gone)
            return None, timed
        start = self._start(gone)
        self._remove(gone)
        self.fold.rewind(start)
        return start, self.learn_from(start, marks if way is Way.FOLD else ())

    def _start(self, gone: NDArray[np.int64]) -> int:
        """The newest mark before the first slice hit."""
        marks = self.fold.marks
        return marks[bisect_right(marks, self._slice_of(int(gone[0]))) - 1]

    def _slice_of(self, position: int) -> int:
        return bisect_right(self.edges, position) - 1

    def _found(self, gone: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
        """Each slice that holds some of these positions, and where in it they stand."""
        if len(gone) == 1:
            numbers, parts = [self._slice_of(int(gone[0]))], [gone]
        else:
            ends = np.searchsorted(gone, self.edges)
            numbers = np.flatnonzero(np.diff(ends)).tolist()
            parts = [gone[ends[number] : ends[number + 1]] for number in numbers]
        return [(k, self.places[k].searchsorted(part)) for k, part in zip(numbers, parts, strict=True)]

    def _remove(self, gone: NDArray[np.int64]) -> None:
        """A learner that skips rows without a label needs no other hole; their cells stay until the next fit."""
        skips = not getattr(self.learner, "learns_unlabelled", False)
        for number, at in self._found(gone):
            self.sizes[number] -= len(at)
            if skips:
                self.slices[number].labels[at] = -1
            else:
                self.slices[number] = without(self.slices[number], at)
                self.places[number] = np.delete(self.places[number], at)
