"""The linear learner's fold: weights in a table over the features met, and what each mark needs to come back.

A mark costs what was touched since the one before it: the first time that a slot is touched, what it held is
logged, and rewinding puts it back.  So learning, marking and rewinding cost rows, whatever the state's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models import shape
from models.errors import CannotForget
from models.fold import droppable, rising
from models.learner import State
from models.linear_kernel import descend, file_features, longest, restore
from models.rows import Rows

if TYPE_CHECKING:
    from models.linear import Linear

__all__ = ["LinearFold"]

_T = TypeVar("_T", np.int32, np.float64)
_FEW = 256
"""Slots and log entries to begin with."""


@dataclass(slots=True)
class _Mark:
    """bias (K, 3), rows by class and slots in use, as they were; what those slots held that were touched since."""

    number: int
    bias: NDArray[np.float64]
    seen: NDArray[np.int64]
    slots: int
    log: NDArray[np.int32]
    before: NDArray[np.float64]


class LinearFold:
    """Slots are numbered as features are met, and keep their number: one without squares counts as not seen.

    What is touched before the first mark can't be rewound, and is not logged.
    """

    def __init__(self, learner: Linear, state: State) -> None:
        self._learner = learner
        k, m = len(state["bias"]), len(state["features"])
        self._features, self._touched = state["features"].copy(), np.zeros(m, np.int32)
        self._table = np.stack([state["weights"].T, state["squares"].T], axis=2)
        self._bias = np.stack([state["bias"], state["bias_squares"], state["bias_means"]], axis=1)
        self._seen = state["rows"].copy()
        self._log, self._before = np.empty(0, np.int32), np.empty((0, k, 2), np.float64)
        self._sizes = np.array([m, 0], np.int64)
        self._epoch = 0
        self._marks: list[_Mark] = []
        self._more_slots(_FEW)

    def learn(self, rows: Rows) -> None:
        learner = self._learner
        shape.demand(learner.accepts(rows), "is not sorted values of this model's features and classes")
        row = 0
        while (row := self._descend(rows, row)) < len(rows):
            size = longest(rows.indptr)
            if self._sizes[0] + size > len(self._features):
                self._more_slots(size)
            if self._sizes[1] + size > len(self._log):
                self._more_log(size)

    def forget(self, rows: Rows) -> None:
        raise CannotForget("the linear learner has no inverse: fold again from a state before the rows")

    def mark(self, number: int) -> None:
        if self._marks:
            rising(self._marks[-1].number, number)
            self._keep_log()
        none = self._log[:0], self._before[:0]
        self._marks.append(_Mark(number, self._bias.copy(), self._seen.copy(), int(self._sizes[0]), *none))
        self._epoch += 1

    def rewind(self, number: int) -> None:
        at = self._at(number)
        restore(self._table, self._log, self._before, self._sizes[1])
        for later in reversed(self._marks[at:]):
            restore(self._table, later.log, later.before, len(later.log))
        del self._marks[at + 1 :]
        mark = self._marks[at]
        self._table[mark.slots : self._sizes[0]] = 0.0
        self._bias[:], self._seen[:] = mark.bias, mark.seen
        # Later slots stay, empty: what is learned again finds them.
        self._sizes[1] = 0
        mark.log, mark.before = self._log[:0], self._before[:0]
        self._epoch += 1

    def drop(self, number: int) -> None:
        droppable(number)
        at = self._at(number)
        gone, kept = self._marks.pop(at), self._marks[at - 1]
        # Of a slot touched on both sides the older value is the one to come back to.
        new = ~np.isin(gone.log, kept.log)
        kept.log = np.concatenate([kept.log, gone.log[new]])
        kept.before = np.concatenate([kept.before, gone.before[new]])

    @property
    def marks(self) -> list[int]:
        return [mark.number for mark in self._marks]

    def state(self) -> State:
        table = self._table[: self._sizes[0]]
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

    def _descend(self, rows: Rows, row: int) -> int:
        cells = rows.labels, rows.indptr, rows.indices, rows.values
        held: Any = self._sizes, self._seen, self._index, self._features, self._table, self._bias
        born = self._marks[-1].slots if self._marks else 0
        undo: Any = born, self._epoch, self._touched, self._log, self._before
        return descend(*cells, row, self._learner.lr, self._learner.eps, *held, *undo)

    def _at(self, number: int) -> int:
        """Where the mark of this number stands.  Raises KeyError."""
        try:
            return self.marks.index(number)
        except ValueError:
            raise KeyError(number) from None

    def _keep_log(self) -> None:
        """What was touched since the newest mark becomes the mark's."""
        mark, size = self._marks[-1], int(self._sizes[1])
        log, before = self._log[:size].copy(), self._before[:size].copy()
        # A mark that has one already was the last but one when another was dropped.
        mark.log = np.concatenate([mark.log, log]) if len(mark.log) else log
        mark.before = np.concatenate([mark.before, before]) if len(mark.before) else before
        self._sizes[1] = 0

    def _more_slots(self, size: int) -> None:
        room = max(2 * len(self._features), int(self._sizes[0]) + size)
        self._features, self._touched = _longer(self._features, room), _longer(self._touched, room)
        self._table = _longer(self._table, room)
        self._index = np.zeros(1 << (3 * room // 2).bit_length(), np.int64)
        file_features(self._features[: self._sizes[0]], self._index)

    def _more_log(self, size: int) -> None:
        room = max(2 * len(self._log), int(self._sizes[1]) + size)
        self._log, self._before = _longer(self._log, room), _longer(self._before, room)


def _longer(array: NDArray[_T], room: int) -> NDArray[_T]:
    """The array with zeros behind it."""
    longer = np.zeros((room, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
