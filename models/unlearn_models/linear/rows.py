"""Rows prepared for the linear learner's fold, and the log of the weights that learning them overwrites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import CannotForget
from unlearn_models.folds.prepared import no_place
from unlearn_models.linear.kernels import distinct, strike

__all__ = ["Entered", "Leg", "Log"]


@dataclass(slots=True, eq=False)
class Log:
    """What the fold's table held before each leg, so that a rewind can restore it.

    A leg is a run of rows learned up to one stop; leg j has the rows edges[j]..edges[j + 1]-1.  Its distinct slots
    (places of features in the table) are touched[ends[j]:ends[j + 1]]; earlier is the last leg before it with the same
    slot, -1 for none, and ascends within a leg.  before (len(touched), K, 2): the slots' weights and sums of squares
    before the leg.
    """

    edges: list[int]
    touched: NDArray[np.int32]
    earlier: NDArray[np.int32]
    ends: NDArray[np.int64]
    before: NDArray[np.float64]
    standing: int = 0
    """A fold may still rewind legs with a number below this, so their part of `before` must be kept."""
    legs: list[Leg] = field(init=False)

    def __post_init__(self) -> None:
        self.legs = [Leg(self, number) for number in range(len(self.edges) - 1)]

    def clear(self) -> None:
        """Drop what is saved: none of the legs will be rewound."""
        self.before = np.empty((0, *self.before.shape[1:]))

    def room(self) -> None:
        """Allocate `before`, unless it is already long enough."""
        if len(self.before) < len(self.touched):
            self.before = np.empty((len(self.touched), *self.before.shape[1:]))


@dataclass(slots=True, eq=False)
class Leg:
    """One leg of a log, by its number."""

    log: Log
    number: int

    def bounds(self) -> tuple[int, int]:
        """Where its slots begin and end in `log.touched`."""
        a, b = self.log.ends[self.number : self.number + 2].tolist()
        return a, b


class _Fold(Protocol):
    def descend(self, rows: Entered, start: int, stops: Sequence[int], numbers: Sequence[int]) -> None: ...


@dataclass(slots=True, eq=False)
class Entered:
    """Rows prepared for a fold: labels (n,) int32, -1 for removed rows; indptr (n + 1,) int64; slots (nnz,) int32, the
    place of each cell's feature in the fold's table; damped (nnz,) float64, see `linear.kernels.dampen`.

    No row has more than `longest` cells.
    """

    fold: _Fold
    labels: NDArray[np.int32]
    indptr: NDArray[np.int64]
    slots: NDArray[np.int32]
    damped: NDArray[np.float64]
    longest: int
    _log: Log | None = field(default=None)

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        self.fold.descend(self, start, stops, numbers)

    def forget(self, at: NDArray[np.intp]) -> None:
        raise CannotForget("the linear learner has no inverse: strike the rows, and fold again")

    def strike(self, at: NDArray[np.intp]) -> None:
        if not strike(np.ascontiguousarray(at, np.int64), self.indptr, self.labels, self.slots, self.damped):
            raise no_place(len(self.labels))

    def log(self, edges: list[int], vectors: int) -> tuple[Log, int]:
        """A log whose last edges are these, and the number of the leg that starts at the first of them; vectors is K.

        The log of an earlier call is used again if its last edges are the same and none of their legs may be rewound.
        """
        first = len(self._log.edges) - len(edges) if self._log else 0
        if self._log is None or first < self._log.standing or self._log.edges[first:] != edges:
            self._log, first = self._new_log(edges, vectors), 0
        self._log.room()
        return self._log, first

    def _new_log(self, edges: list[int], vectors: int) -> Log:
        cells = self.indptr[edges]
        stamps = np.full(int(self.slots.max(initial=-1)) + 1, -1, np.int32)
        touched, earlier = (np.empty(cells[-1] - cells[0] + 1, np.int32) for _ in range(2))
        ends = np.zeros(len(edges), np.int64)
        for leg, (a, b) in enumerate(pairwise(cells.tolist())):
            at = ends[leg]
            stop = at + distinct(self.slots[a:b], leg, stamps, touched[at:], earlier[at:])
            order = np.argsort(earlier[at:stop], kind="stable")
            touched[at:stop], earlier[at:stop] = touched[at:stop][order], earlier[at:stop][order]
            ends[leg + 1] = stop
        size = ends[-1]
        return Log(edges, touched[:size].copy(), earlier[:size].copy(), ends, np.empty((0, vectors, 2)))
