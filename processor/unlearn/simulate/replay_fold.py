"""The state and lineage that a shard must have at (through, applied), for `replay`.

States are remembered by the steps that led to them, so thousands of manifests of one log can be checked in one go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import Insert
from unlearn.verification.reference_fold import NO_LINEAGE, Folded, lineage_after, rows_of, sum_of
from unlearn_models import Learner, Rows, State, digest

_KEPT = 256  # states held at once


@dataclass(slots=True)
class Row:
    """An accepted insert.

    `end` is that of its slice, beyond the log's end while the slice is open; `death` is the offset of what killed it,
    or None.
    """

    slot: int
    shard: int
    insert: Insert
    end: int = 0
    death: int | None = None

    def alive(self, applied: int) -> bool:
        """Whether nothing before `applied` has killed the row."""
        return self.death is None or self.death >= applied


class Slice:
    """A shard's rows of one slice in slot order, dead ones too."""

    def __init__(self, learner: Learner, rows: Sequence[Row]) -> None:
        self.end, self.rows = rows[0].end, rows
        self._learner = learner
        self._deaths = sorted(row.death for row in rows if row.death is not None)
        self._sums: dict[int, int] = {}

    def dead(self, applied: int) -> int:
        """How many rows have died before `applied`.

        The number also tells which ones, as a death is never taken back.
        """
        return bisect_left(self._deaths, applied)

    def live(self, applied: int) -> NDArray[np.bool_]:
        """Which rows are alive as of `applied`: (rows,) bool."""
        return np.array([row.alive(applied) for row in self.rows], np.bool_)

    def sum(self, applied: int) -> int:
        """The sum of the live slots' hashes, modulo 2^128."""
        if (dead := self.dead(applied)) not in self._sums:
            self._sums[dead] = sum_of(row.slot for row in self.rows if row.alive(applied))
        return self._sums[dead]

    def learned(self, applied: int) -> Rows:
        """The rows to learn as of `applied`: those alive that the learner accepts."""
        return self._batch.take(self.live(applied) & self._learner.accepts(self._batch))

    @cached_property
    def _batch(self) -> Rows:
        return rows_of(self._learner, [row.insert for row in self.rows])


@dataclass
class Fold:
    """One shard's states; `slices` in the order of their ends."""

    learner: Learner
    slices: Sequence[Slice]
    _names: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _states: dict[int, State] = field(default_factory=dict)
    _found: dict[int, Folded] = field(default_factory=dict)

    def state(self, through: int, applied: int) -> Folded:
        """The state of the slices up to the end `through`, as of `applied`."""
        path = [cut for cut in self.slices if cut.end <= through and cut.dead(applied) < len(cut.rows)]
        names = [0]
        for cut in path:
            step = names[-1], cut.end, cut.dead(applied)
            names.append(self._names.setdefault(step, len(self._names) + 1))
        if names[-1] not in self._found:
            lineage = NO_LINEAGE
            for cut in path:
                lineage = lineage_after(self.learner, lineage, cut.end, cut.sum(applied))
            count = sum(len(cut.rows) - cut.dead(applied) for cut in path)
            state = self._learn(names, path, applied)
            self._found[names[-1]] = Folded(digest(self.learner, state), lineage, count)
        return self._found[names[-1]]

    def _learn(self, names: list[int], path: list[Slice], applied: int) -> State:
        """The state after `path`.

        names[k] names the state before path[k]; learning starts at the last one that is remembered.
        """
        done = max((k for k, name in enumerate(names) if name in self._states), default=0)
        state = self._states.get(names[done], self.learner.empty())
        for name, cut in zip(names[done + 1 :], path[done:], strict=True):
            state = self.learner.learn(state, cut.learned(applied))
            self._states[name] = state
            if len(self._states) > _KEPT:
                del self._states[next(iter(self._states))]
        return state
