"""A shard's next job: which files it reads, from which state it goes on, and which states it stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.jobs import Job, Part
from unlearn.partition.tables import Slice, Tables
from unlearn.training.checkpoints import Budget, state_sizes, to_store
from unlearn.training.schedule import Order, filed

__all__ = ["JobMaker"]


class JobMaker:
    """Makes jobs from the tables of owned partitions."""

    def __init__(self, forgets: bool, resumes: bool, budget: Budget) -> None:
        self._forgets = forgets
        self._resumes = resumes
        self._budget = budget

    def make(self, owned: ClaimedPartition, order: Order) -> Job:
        """The job that carries out an order, with its files, their holes and the sums to check it by.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        view, shard = owned.view, order.shard
        last = order.learn[-1] if order.learn else order.base[0] if order.base else 0
        whole = [] if self._resumes or order.base is None else filed(view, shard, order.base[0])
        ends = sorted({*order.forget, *order.learn, *whole})
        holes = owned.holes(shard, ends)
        parts = {end: _part(view.slices[shard, end], end, holes[end]) for end in ends}
        return Job(
            partition=owned.partition,
            shard=shard,
            applied=view.applied,
            base=order.base,
            learn=tuple(parts[end] for end in order.learn),
            forget=tuple(parts[end] for end in order.forget),
            covers=view.open_cleanups.deaths(shard),
            keep=frozenset(self._to_store(owned, shard, order.learn)),
            whole=tuple(parts[end] for end in whole),
            base_lineage=_lineage(view, shard, order.base[0] if order.base else 0),
            total=view.of_shard(shard).counted(last).sum if self._forgets else None,
            writer=owned.writer(),
            unburied=order.unburied,
        )

    def _to_store(self, owned: ClaimedPartition, shard: int, learn: Sequence[int]) -> set[int]:
        view, ages = owned.view, list(owned.kill_ages)
        return to_store(view.of_shard(shard), state_sizes(view, shard), learn, ages, self._budget)


def _part(held: Slice, end: int, holes: Mapping[int, int]) -> Part:
    return Part(end, held.file or "", holes, held.sum)


def _lineage(view: Tables, shard: int, through: int) -> str | None:
    """The lineage of the slices up to `through`, by the sums that the membership kept.

    None while a clean-up is open: the sums then still hold rows that no state does.
    """
    if view.open_cleanups.of_shard(shard):
        return None
    return view.of_shard(shard).lineage(through)
