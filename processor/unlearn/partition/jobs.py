"""Training jobs: what trainers are asked, and what they answer.

A job is made for its shard as of one `applied`. It names the slices to learn, the holes in them, and the deleted
subjects whose rows are still being cleaned up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearn.partition.rates import Spent, Step
from unlearn.partition.tables import State

__all__ = ["Built", "Job", "Part", "Trained"]


@dataclass(frozen=True, slots=True)
class Part:
    """One slice of a job: its end, file (empty: no rows), holes (slot -> death), and sum in the membership."""

    end: int
    file: str
    holes: Mapping[int, int]
    expected: int


@dataclass(frozen=True, slots=True)
class Job:
    """Learn the slices `learn` as of `applied`, from the state `base` (through, state); None: from the empty state.

    A learner that forgets first forgets, in the slices `forget`, the rows that died since the base's `applied`.
    `covers` maps digests of deleted subjects to the offsets of their deletions, rising.
    """

    partition: int
    shard: int
    applied: int
    base: tuple[int, State] | None
    learn: tuple[Part, ...]
    forget: tuple[Part, ...]
    covers: Mapping[bytes, tuple[int, ...]]
    keep: frozenset[int]
    """Slice ends after which to store a state; after the last one it is always stored."""
    total: int | None
    """For a learner that forgets: the sum over every slice up to the last, in the membership."""
    writer: str
    base_lineage: str | None = None
    """For a fold: the lineage that the base must have by the membership. None: it is not compared."""
    whole: tuple[Part, ...] = ()
    """All slices that the base has learned, for a learner that can't go on from a stored state."""
    unburied: int | None = 0
    """For a learner that forgets: the sum over rows that the base has forgotten and the membership still counts.

    None: it isn't known, so `forget` names all slices that may hold such rows, and they are counted there."""
    seat: int = 0
    """Which of the pool's counters shows this job's progress."""

    @property
    def through(self) -> int:
        """The slice end that the shard's state goes through once the job is done."""
        return self.learn[-1].end if self.learn else self.base[0] if self.base else 0


@dataclass(frozen=True, slots=True)
class Built:
    """A stored state, and the slice end it goes through."""

    through: int
    state: State


@dataclass(slots=True)
class Trained:
    """What a job brought. `agrees` is false if its rows were not those of the membership; `spent` is by step.

    `seconds`: how long it took in all.
    """

    built: list[Built] = field(default_factory=list)
    agrees: bool = True
    rows: int = 0
    forgotten: int = 0
    spent: dict[Step, Spent] = field(default_factory=dict)
    seconds: float = 0.0
