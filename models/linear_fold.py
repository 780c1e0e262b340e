"""The linear learner's fold: weights in a table over the features met, and what each mark needs to come back.

A mark costs what is touched before the next one: what the slots of rows held is kept before they are learned, and
rewinding puts it back.  So learning, marking and rewinding cost rows, whatever the state's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from models import shape
from models.errors import CannotForget
from models.fold import droppable, rising
from models.learner import State
from models.linear_kernel import descend, enter, file_features, longest, restore, unstamped
from models.rows import Rows, cells_of

if TYPE_CHECKING:
    from models.linear import Linear

__all__ = ["LinearFold"]

_T = TypeVar("_T", np.int32, np.float64)
_Held = tuple[NDArray[np.int32], NDArray[np.float64]]
_NONE = np.empty(0, np.int32)
_FEW = 256
"""Slots to begin with."""
_PIECE = 2048
"""Rows whose cells still lie in the cache when they are learned."""


@dataclass(slots=True)
class _Mark:
    """bias (K, 3) and rows by class, as they were; what slots held before rows after it were learned, oldest first.

    blank: nothing was learned, so all slots were empty.
    """

    number: int
    bias: NDArray[np.float64]
    seen: NDArray[np.int64]
    blank: bool
    held: list[_Held] = field(default_factory=list)


class LinearFold:
    """Slots are numbered as features are met, and keep their number: one without squares counts as not seen.

    What is learned before the first mark can't be rewound.
    """

    def __init__(self, learner: Linear, state: State) -> None:
        self._learner = learner
        m = len(state["features"])
        self._features, self._used = state["features"].copy(), np.array([m], np.int64)
        self._table = np.stack([state["weights"].T, state["squares"].T], axis=2)
        self._bias = np.stack([state["bias"], state["bias_squares"], state["bias_means"]], axis=1)
        self._seen = state["rows"].copy()
        self._marks: list[_Mark] = []
        self._more_slots(_FEW)

    def learn(self, rows: Rows) -> None:
        self._demand(rows)
        for start in range(0, len(rows), _PIECE):
            piece = rows.part(start, min(start + _PIECE, len(rows)))
            self._enter(piece).learn(0, [len(piece)])

    def forget(self, rows: Rows) -> None:
        raise CannotForget("the linear learner has no inverse: fold again from a state before the rows")

    def prepare(self, rows: Rows) -> _Entered:
        self._demand(rows)
        return self._enter(rows)

    def mark(self, number: int) -> None:
        if self._marks:
            rising(self._marks[-1].number, number)
        self._marks.append(_Mark(number, self._bias.copy(), self._seen.copy(), not self._seen.any()))

    def rewind(self, number: int) -> None:
        at = self._at(number)
        mark = self._marks[at]
        if mark.blank:
            self._table[: self._used[0]] = 0.0
        for slots, before in self._since(at):
            restore(self._table, slots, before)
        del self._marks[at + 1 :]
        self._bias[:], self._seen[:] = mark.bias, mark.seen
        mark.held.clear()

    def drop(self, number: int) -> None:
        droppable(number)
        at = self._at(number)
        gone, kept = self._marks.pop(at), self._marks[at - 1]
        if (both := [*kept.held, *gone.held]) and not kept.blank:
            # Of a slot held twice the older value is the one to come back to.
            slots, first = np.unique(np.concatenate([slots for slots, _ in both]), return_index=True)
            kept.held = [(slots, np.concatenate([before for _, before in both])[first])]

    @property
    def marks(self) -> list[int]:
        return [mark.number for mark in self._marks]

    def state(self) -> State:
        table = self._table[: self._used[0]]
        slots = np.flatnonzero(table[:, 0, 1])
        slots = slots[np.argsort(self._features[slots])]
        found = np.take(table, slots, axis=0)
        return shape.freeze(
            features=self._features[slots],
            weights=found[:, :, 0].T.copy("C"),
            squares=found[:, :, 1].T.copy("C"),
            bias=self._bias[:, 0].copy(),
            bias_squares=self._bias[:, 1].copy(),
            bias_means=self._bias[:, 2].copy(),
            rows=self._seen.copy(),
        )

    def descend(self, rows: _Entered, start: int, stops: Sequence[int], numbers: Sequence[int]) -> None:
        """Learn the rows from start up to each stop; remember each stop but the last by its number."""
        for older, number in pairwise([*self.marks[-1:], *numbers]):
            rising(older, number)
        edges = np.array([start, *stops], np.int64)
        newest = self._marks[-1] if self._marks else None
        back = bool(numbers) or (newest is not None and not newest.blank)
        touched, ends = rows.touched(edges) if back else (_NONE, np.zeros_like(edges))
        before = np.empty((len(touched), *self._table.shape[1:]))
        biases, seens = (np.empty((len(stops), *array.shape), array.dtype) for array in (self._bias, self._seen))
        cells = rows.labels, rows.indptr, rows.slots, rows.damped
        settings = rows.longest, self._learner.lr, self._learner.eps
        descend(*cells, edges, *settings, self._seen, self._table, self._bias, touched, ends, before, biases, seens)
        blank = [not any(rows_seen) for rows_seen in seens.tolist()]
        self._marks += [_Mark(number, biases[leg], seens[leg], blank[leg]) for leg, number in enumerate(numbers, 1)]
        if newest is not None and back:
            for mark, (a, b) in zip(self._marks[-len(stops) :], pairwise(ends.tolist()), strict=True):
                mark.held.append((touched[a:b], before[a:b].copy()))

    def _demand(self, rows: Rows) -> None:
        shape.demand(self._learner.accepts(rows), "is not sorted values of this model's features and classes")

    def _enter(self, rows: Rows) -> _Entered:
        slots, damped = np.empty(len(rows.indices), np.int32), np.empty(len(rows.indices), np.float64)
        cells, row = (rows.indptr, rows.indices, rows.values), 0
        while (row := enter(*cells, row, self._used, self._index, self._features, slots, damped)) < len(rows):
            self._more_slots(longest(rows.indptr))
        return _Entered(self, rows.labels.copy(), rows.indptr, slots, damped, longest(rows.indptr))

    def _since(self, at: int) -> list[_Held]:
        """What has been held since this mark, the newest first; nothing if it is blank."""
        marks = [] if self._marks[at].blank else self._marks[at:]
        return [held for mark in reversed(marks) for held in reversed(mark.held)]

    def _at(self, number: int) -> int:
        """Where the mark of this number stands.  Raises KeyError."""
        try:
            return self.marks.index(number)
        except ValueError:
            raise KeyError(number) from None

    def _more_slots(self, size: int) -> None:
        room = max(2 * len(self._features), int(self._used[0]) + size)
        self._features, self._table = _longer(self._features, room), _longer(self._table, room)
        self._index = np.zeros(1 << (3 * room // 2).bit_length(), np.int64)
        file_features(self._features[: self._used[0]], self._index)


@dataclass(slots=True, eq=False)
class _Entered:
    """Rows with the slot and the damped value of each cell."""

    fold: LinearFold
    labels: NDArray[np.int32]
    indptr: NDArray[np.int64]
    slots: NDArray[np.int32]
    damped: NDArray[np.float64]
    longest: int
    _edges: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _touched: NDArray[np.int32] = field(default_factory=lambda: _NONE)
    _ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def learn(self, start: int, stops: Sequence[int], numbers: Sequence[int] = ()) -> None:
        self.fold.descend(self, start, stops, numbers)

    def forget(self, at: NDArray[np.intp]) -> None:
        raise CannotForget("the linear learner has no inverse: strike the rows, and fold again")

    def strike(self, at: NDArray[np.intp]) -> None:
        self.labels[at] = -1
        _, cells = cells_of(self.indptr, at)
        self.slots[cells], self.damped[cells] = 0, 0.0

    def touched(self, edges: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The distinct slots of each leg between these edges, leg after leg, and where each leg's end.

        Legs are learned again from one of them on: found once, the last of them need not be sought again.
        """
        again = len(self._edges) - len(edges)
        if again < 0 or (self._edges[again:] != edges).any():
            self._edges, again = edges, 0
            self._touched, self._ends = self._distinct(edges)
        ends = self._ends[again:]
        return self._touched[ends[0] :], ends - ends[0]

    def _distinct(self, edges: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        stamps = np.full(int(self.slots.max(initial=-1)) + 1, -1, np.int32)
        cells = self.indptr[edges]
        found, ends = np.empty(cells[-1] - cells[0] + 1, np.int32), np.zeros(len(edges), np.int64)
        for leg, (a, b) in enumerate(pairwise(cells.tolist())):
            ends[leg + 1] = ends[leg] + unstamped(self.slots[a:b], leg, stamps, found[ends[leg] :])
        return found[: ends[-1]].copy(), ends


def _longer(array: NDArray[_T], room: int) -> NDArray[_T]:
    """The array with zeros behind it."""
    longer = np.zeros((room, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
