"""The map of a partition's shards by its slices: where rows are, which are learned, where holes and checkpoints lie.

Slices of many are drawn together, so that the map has a bounded number of columns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from unlearn.admin.status.partition_status import ShardStatus
from unlearn.partition.slices.shard_slices import Slice
from unlearn.partition.tables import Tables

__all__ = ["PartitionMap", "ShardRow", "map_of", "most_columns"]

_MOST_COLUMNS, _FEWEST_COLUMNS = 48, 12
_MOST_CELLS = 3000


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One shard. Of each column: `live` rows, and `dead` ones that its slices' files still hold.

    cells        a letter a column: l rows that are learned; w some wait to be learned; d dead ones alone; . none
    holes        a letter a column: h where dead rows have holes in Redis, else .
    checkpoints  a digit a column: how many states are stored that reach just to there; 9: as many or more
    waiting      live rows of the open slice, which has not ended; `open_holes`: whether dead ones have holes there
    """

    shard: int
    status: str
    rows: int
    slices: int
    states: int
    cells: str
    live: tuple[int, ...]
    dead: tuple[int, ...]
    holes: str
    checkpoints: str
    waiting: int
    open_holes: bool


@dataclass(frozen=True, slots=True)
class PartitionMap:
    """A partition's map. `columns`: (first, last, how many) slice ends that each column stands for."""

    partition: int
    columns: tuple[tuple[int, int, int], ...]
    shards: tuple[ShardRow, ...]


def most_columns(shards: int) -> int:
    """How many columns maps of so many shards may have, all together."""
    return min(_MOST_COLUMNS, max(_FEWEST_COLUMNS, _MOST_CELLS // max(1, shards)))


def map_of(partition: int, view: Tables, shards: Sequence[ShardStatus], most: int) -> PartitionMap:
    """The map of these shards, with at most so many columns."""
    columns = _columns(view.ends, most)
    lasts = [last for _, last, _ in columns]
    return PartitionMap(partition, tuple(columns), tuple(_row(view, shard, lasts) for shard in shards))


def _columns(ends: Sequence[int], most: int) -> list[tuple[int, int, int]]:
    """The slice ends in at most so many groups, which differ by one end in size at most."""
    count = min(most, len(ends))
    bounds = [0, *accumulate((len(ends) + at) // count for at in range(count))]
    return [(ends[a], ends[b - 1], b - a) for a, b in pairwise(bounds)]


def _row(view: Tables, shard: ShardStatus, lasts: Sequence[int]) -> ShardRow:
    columns: list[list[tuple[int, Slice]]] = [[] for _ in lasts]
    for end, held in view.of_shard(shard.shard).after():
        columns[bisect_left(lasts, end)].append((end, held))
    states = [0] * len(lasts)
    for through, _ in view.shard_states(shard.shard):
        if lasts and 0 < through <= lasts[-1]:
            states[bisect_left(lasts, through)] += 1
    opened = view.open.get(shard.shard)
    return ShardRow(
        shard=shard.shard,
        status=shard.status,
        rows=shard.rows,
        slices=shard.slices,
        states=shard.checkpoints,
        cells="".join(_cell(slices, shard.through) for slices in columns),
        live=tuple(sum(held.live for _, held in slices) for slices in columns),
        dead=tuple(sum(max(0, held.rows - held.live) for _, held in slices) for slices in columns),
        holes="".join("h" if any(held.first_death >= 0 for _, held in slices) else "." for slices in columns),
        checkpoints="".join(str(min(9, count)) for count in states),
        waiting=opened.live if opened else 0,
        open_holes=opened is not None and opened.first_death >= 0,
    )


def _cell(slices: Sequence[tuple[int, Slice]], through: int) -> str:
    living = [end for end, held in slices if held.live]
    if living:
        return "l" if living[-1] <= through else "w"
    return "d" if any(held.rows or held.first_death >= 0 for _, held in slices) else "."
