"""A shard's next job: which files it reads, from which state it goes on, and which states it stores."""

from __future__ import annotations

from collections.abc import Sequence

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.jobs import Job, Part
from unlearn.partition.lineage import EMPTY, chain
from unlearn.partition.tables import Tables
from unlearn.state.lookups import hole_reads, parse_holes
from unlearn.training.checkpoints import Budget, slice_rows, state_sizes, to_store
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
        holes = _holes(owned, shard, ends)
        parts = {
            end: Part(end, view.slices[shard, end].file or "", holes[end], view.slices[shard, end].sum) for end in ends
        }
        return Job(
            partition=owned.partition,
            shard=shard,
            applied=view.applied,
            base=order.base,
            learn=tuple(parts[end] for end in order.learn),
            forget=tuple(parts[end] for end in order.forget),
            covers={bytes.fromhex(d): c.death for d, c in view.cleanups.items() if c.shard == shard},
            keep=frozenset(self._to_store(owned, shard, order.learn)),
            whole=tuple(parts[end] for end in whole),
            base_lineage=_lineage(view, shard, order.base[0] if order.base else 0),
            total=sum(held.sum for end, held in view.shard_slices(shard) if end <= last) if self._forgets else None,
            writer=owned.writer(),
        )

    def _to_store(self, owned: ClaimedPartition, shard: int, learn: Sequence[int]) -> set[int]:
        view, ages = owned.view, list(owned.kill_ages)
        return to_store(slice_rows(view, shard), state_sizes(view, shard), learn, ages, self._budget)


def _holes(owned: ClaimedPartition, shard: int, ends: list[int]) -> dict[int, dict[int, int]]:
    """Slice end -> its holes. Each slice is read by a script of its own, so that none takes long.

    They fit together: each script checks that nothing was written since.
    """
    starts = [owned.view.start_of(end - 1) for end in ends]
    replies = [owned.read(hole_reads(owned.state.keys, shard, [start]))[0] for start in starts]
    return {end: parse_holes(reply) for end, reply in zip(ends, replies, strict=True)}


def _lineage(view: Tables, shard: int, through: int) -> str | None:
    """The lineage of the slices up to `through`, computed from the sums that the membership kept.

    None while a clean-up is open: the sums then still hold rows that no state does.
    """
    if any(cleanup.shard == shard for cleanup in view.cleanups.values()):
        return None
    lineage = EMPTY
    for end, held in view.shard_slices(shard):
        if end <= through and held.live:
            lineage = chain(lineage, end, held.sum)
    return lineage
