"""Which states of a shard to keep. They are a cache: the choice changes the cost, never the result.

The newest always stays. Until a deletion is seen, states at equal steps are kept; then those that would have spared
most relearning of rows, had they been there for the deletions seen (`unlearn_models.sisa.checkpoint_policies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from sys import maxsize
from typing import Final, NamedTuple

from unlearn.partition.slices.shard_slices import ShardSlices
from unlearn.partition.tables import Tables
from unlearn_models.sisa.checkpoint_policies import by_age, spaced, weights_of_runs

__all__ = ["Budget", "state_sizes", "surplus", "to_drop", "to_store"]

_CANDIDATES = 12
"""Slice ends that are considered: so many of the newest and so many of all. Choosing among n takes n**2 steps."""
_LAST: Final = maxsize
"""Beyond every slice end."""


class Budget(NamedTuple):
    """How many states of a shard may be kept: `states`, or as many as fit into `size` bytes if that is given.

    `by_age`: whether the ages of past deletions decide which; otherwise they stand at equal steps.
    """

    states: int
    size: int | None = None
    by_age: bool = True


def state_sizes(view: Tables, shard: int) -> dict[int, int]:
    """Slice end -> bytes of the shard's state after it, of the states that are stored."""
    return {through: state.size for through, state in view.shard_states(shard)}


def to_store(
    slices: ShardSlices,
    held: Mapping[int, int],
    learn: Sequence[int],
    ages: Sequence[int],
    budget: Budget,
) -> set[int]:
    """Those slice ends in `learn` after which a job should store a state. The other arguments are as in `to_drop`."""
    if budget.states == 1 and budget.size is None:
        return set(learn[-1:])
    size = max(held.values(), default=1)
    candidates = dict(held) | dict.fromkeys(spaced(learn, _CANDIDATES) | set(learn[-_CANDIDATES:]), size)
    if not budget.by_age or not ages:
        most = budget.states if budget.size is None else budget.size // size
        return {learn[-1], *spaced(sorted(candidates), max(0, most - 1))} & set(learn) if learn else set()
    return _by_age(slices, candidates, ages, budget) & set(learn)


def to_drop(slices: ShardSlices, held: Mapping[int, int], ages: Sequence[int], budget: Budget) -> set[int]:
    """The ends of held states that the budget has no room for.

    slices: the shard's. held: end -> bytes. ages: of past deletions, in slices, 0 for the
    newest.
    """
    if not held:
        return set()
    if budget.states == 1 and budget.size is None:
        return set(held) - {max(held)}
    if budget.by_age and ages:
        return set(held) - _by_age(slices, held, ages, budget)
    most = budget.states if budget.size is None else _as_many(held, budget.size)
    return surplus(held, most)


def surplus(held: Iterable[int], limit: int) -> set[int]:
    """The ends to drop so that `limit` are left, at steps as equal as can be.

    Again and again the one goes whose neighbours are closest together. The empty state counts as a neighbour at 0,
    since it costs nothing to keep. The newest always stays.
    """
    kept = [0, *sorted(held)]
    gone: set[int] = set()
    while len(kept) - 1 > limit and len(kept) > 2:
        gaps = [(kept[i + 1] - kept[i - 1], i) for i in range(1, len(kept) - 1)]
        gone.add(kept.pop(min(gaps)[1]))
    return gone


def _by_age(slices: ShardSlices, held: Mapping[int, int], ages: Sequence[int], budget: Budget) -> set[int]:
    *older, newest = sorted(held)
    expected = weights_of_runs(ages, [*map(slices.count, older), len(slices)])
    stored = [slices.counted(end).rows for end in (*older, _LAST)]
    rows = [after - before for before, after in pairwise([0, *stored])]
    if budget.size is None:
        sizes, room = [1] * len(older), budget.states - 1
    else:
        sizes, room = [held[end] for end in older], max(0, budget.size - held[newest])
    return by_age(older, sizes, rows, expected, room) | {newest}


def _as_many(held: Mapping[int, int], size: int) -> int:
    """How many of the newest states fit into `size` bytes; at least one."""
    fit, left = 0, size
    for end in sorted(held, reverse=True):
        left -= held[end]
        fit += left >= 0
    return max(1, fit)
