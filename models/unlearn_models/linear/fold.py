"""The linear learner's fold: a table of weights over the features met, and what returning to each mark needs.

Before rows are learned, what the table holds for their features is saved; after a rewind it is restored, at the latest
when the state is asked for.  So learning, marking and rewinding cost rows, whatever the state's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base import validation
from unlearn_models.base.errors import CannotForget
from unlearn_models.base.kernels.feature_index import file_features
from unlearn_models.base.learner import State
from unlearn_models.base.rows import Rows
from unlearn_models.folds.prepared import check_legs, rising
from unlearn_models.linear.kernels import descend, enter, exchange, longest
from unlearn_models.linear.rows import Entered, Leg

__all__ = ["LinearFold"]

_T = TypeVar("_T", np.int32, np.float64)
_NONE = np.empty(0, np.int32)
_NEVER = -1
_FEW = 256
"""New features to make room for at first."""
_PIECE = 2048
"""Rows prepared at a time, few enough that their cells are still in the CPU's cache when they are learned."""


class _Learner(Protocol):
    @property
    def lr(self) -> float: ...

    @property
    def eps(self) -> float: ...

    def accepts(self, rows: Rows) -> NDArray[np.bool_]: ...


class _Mark(NamedTuple):
    """What a mark restores: intercepts biases[at] (K, 3) and rows by class seens[at] (classes,), after `legs` legs."""

    biases: NDArray[np.float64]
    seens: NDArray[np.int64]
    at: int
    legs: int

    def blank(self) -> bool:
        """Whether nothing had been learned, so that the whole table was zero."""
        return not self.seens[self.at].any()


class LinearFold:
    """Each feature met gets the next place in the table, its slot, and keeps it; without squares it counts as not seen.

    What is learned before the first mark can't be rewound.  `rewind` puts off restoring the table: the legs it undoes
    (see `linear.rows.Log`) are listed in `_owed` until the same legs are learned again or `_settle` restores what was
    before them.  After that, nothing is left of removed rows but the numbers of their slots.
    """

    def __init__(self, learner: _Learner, state: State) -> None:
        self._learner = learner
        m = len(state["features"])
        self._features, self._used = state["features"].copy(), np.array([m], np.int64)
        self._table = np.stack([state["weights"].T, state["squares"].T], axis=2)
        self._bias = np.stack([state["bias"], state["bias_squares"], state["bias_means"]], axis=1)
        self._seen = state["rows"].copy()
        self._marks: dict[int, _Mark] = {}
        self._legs: list[Leg] = []
        self._owed: list[Leg] = []
        self._more_slots(_FEW)

    def learn(self, rows: Rows) -> None:
        self._demand(rows)
        for start in range(0, len(rows), _PIECE):
            piece = rows.part(start, min(start + _PIECE, len(rows)))
            self._enter(piece).learn(0, [len(piece)])

    def forget(self, rows: Rows) -> None:
        raise CannotForget("the linear learner has no inverse: fold again from a state before the rows")

    def prepare(self, rows: Rows) -> Entered:
        self._demand(rows)
        return self._enter(rows)

    def mark(self, number: int) -> None:
        for newest in self.marks[-1:]:
            rising(newest, number)
        self._marks[number] = _Mark(self._bias[None].copy(), self._seen[None].copy(), 0, len(self._legs))

    def rewind(self, number: int) -> None:
        mark = self._marks[number]
        while next(reversed(self._marks)) != number:
            self._marks.popitem()
        legs = self._legs[mark.legs :]
        del self._legs[mark.legs :]
        for leg in reversed(legs):
            leg.log.standing = leg.number
        self._owed = [*legs, *self._owed]
        if mark.blank():
            self._table[: self._used[0]] = 0.0
            for log in {leg.log for leg in self._owed}:
                log.clear()
            self._owed = []
        self._bias[:], self._seen[:] = mark.biases[mark.at], mark.seens[mark.at]
        # Marks of one call share arrays: what the dropped marks held may come from deleted rows, and must not stay.
        mark.biases[mark.at + 1 :], mark.seens[mark.at + 1 :] = 0.0, 0

    @property
    def marks(self) -> list[int]:
        return list(self._marks)

    def state(self) -> State:
        self._settle()
        table = self._table[: self._used[0]]
        slots = np.flatnonzero(table[:, 0, 1])
        # Stable sorts are fast where most is in order already, as features of the state begun with are.
        slots = slots[np.argsort(self._features[slots], kind="stable")]
        found = np.take(table, slots, axis=0)
        return validation.freeze(
            features=self._features[slots],
            weights=found[:, :, 0].T.copy("C"),
            squares=found[:, :, 1].T.copy("C"),
            bias=self._bias[:, 0].copy(),
            bias_squares=self._bias[:, 1].copy(),
            bias_means=self._bias[:, 2].copy(),
            rows=self._seen.copy(),
        )

    def descend(self, rows: Entered, start: int, stops: Sequence[int], numbers: Sequence[int]) -> None:
        """Learn prepared rows from `start` up to each stop; set a mark with the next number at each stop but the last.

        Raises ValueError as `Prepared.learn` does.
        """
        newest = self.marks[-1:]
        check_legs(len(rows.labels), start, stops, newest, numbers)
        edges = [start, *stops]
        biases, seens = (np.empty((len(stops), *array.shape), array.dtype) for array in (self._bias, self._seen))
        logged = bool(numbers) or any(not self._marks[number].blank() for number in newest)
        self._sweep(rows, edges, logged, biases, seens)
        before = len(self._legs) - len(stops)
        for at, number in enumerate(numbers, 1):
            self._marks[number] = _Mark(biases, seens, at, before + at)

    def _sweep(
        self,
        rows: Entered,
        edges: list[int],
        logged: bool,
        biases: NDArray[np.float64],
        seens: NDArray[np.int64],
    ) -> None:
        """Learn the legs between these edges; `logged` says whether to save what they overwrite.

        biases (legs, K, 3) and seens (legs, classes) get what was before each leg.
        """
        touched, earlier, owed, ends = _NONE, _NONE, _NEVER, np.zeros(len(edges), np.int64)
        before = np.empty((0, *self._table.shape[1:]))
        if logged:
            log, first = rows.log(edges, self._table.shape[1])
            legs = log.legs[first:]
            touched, earlier, ends, before = log.touched, log.earlier, log.ends[first:], log.before
            if legs == self._owed:
                owed, self._owed = first, []
            log.standing = len(log.legs)
            self._legs += legs
        self._settle()
        cells = rows.labels, rows.indptr, rows.slots, rows.damped
        settings = rows.longest, self._learner.lr, self._learner.eps
        held = self._seen, self._table, self._bias
        descend(*cells, np.array(edges), *settings, *held, touched, earlier, owed, ends, before, biases, seens)

    def _settle(self) -> None:
        """Restore what the table held before the rewound legs, the newest leg first."""
        for leg in reversed(self._owed):
            log, (a, b) = leg.log, leg.bounds()
            exchange(a, b, log.touched, log.earlier, leg.number, log.before, self._table)
            log.before[a:b] = 0.0
        self._owed = []

    def _demand(self, rows: Rows) -> None:
        validation.demand(self._learner.accepts(rows), "is not sorted values of this model's features and classes")

    def _enter(self, rows: Rows) -> Entered:
        slots, damped = np.empty(len(rows.indices), np.int32), np.empty(len(rows.indices), np.float64)
        cells, row = (rows.indptr, rows.indices, rows.values), 0
        while (row := enter(*cells, row, self._used, self._index, self._features, slots, damped)) < len(rows):
            self._more_slots(longest(rows.indptr))
        return Entered(self, rows.labels.copy(), rows.indptr, slots, damped, longest(rows.indptr))

    def _more_slots(self, size: int) -> None:
        room = max(2 * len(self._features), int(self._used[0]) + size)
        self._features, self._table = _longer(self._features, room), _longer(self._table, room)
        self._index = np.zeros(1 << (3 * room // 2).bit_length(), np.int64)
        file_features(self._features[: self._used[0]], self._index)


def _longer(array: NDArray[_T], room: int) -> NDArray[_T]:
    """A copy of the array with zeros behind it, `room` long."""
    longer = np.zeros((room, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
