"""How many rows a version learned and forgot, by the reference's rows of the log. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from unlearn.results.history import ShardRows
from unlearn.results.versions import Version

__all__ = ["Counts", "Dead", "LogRows", "contradiction", "count", "dead_in"]


class LogRows(Protocol):
    """Every row ever accepted in a partition, in the order of slots.

    `slots`: (n,) int64. `shards`: (n,) int32. `deaths`: (n,) int64, the offset of what killed the row; of one that
    lives it is beyond every offset.
    """

    @property
    def slots(self) -> NDArray[np.int64]: ...

    @property
    def shards(self) -> NDArray[np.int32]: ...

    @property
    def deaths(self) -> NDArray[np.int64]: ...


class Counts(NamedTuple):
    """How a version's rows differ from those of another one.

    learned    rows that only the later one holds
    forgotten  rows that only the earlier one holds, as deletions have killed them
    replaced   the same, as later revisions of their records have taken their place
    withheld   rows that live and that only the earlier one holds: their shard fell back to an older state
    shards     those whose rows differ
    """

    learned: int
    forgotten: int
    replaced: int
    withheld: int
    shards: tuple[int, ...]


class Dead(NamedTuple):
    """How many of a version's rows are dead by now: by deletions, and by later revisions."""

    deleted: int
    replaced: int


def count(rows: LogRows, before: Version, after: Version) -> Counts:
    """What `after` learned and forgot since `before`, a version of the same partition."""
    earlier, later = (_held(rows, version.shards, version.applied) for version in (before, after))
    gone = earlier & ~later
    dead = gone & (rows.deaths < after.applied)
    replaced = dead & _replaced(rows)
    return Counts(
        learned=_sum(later & ~earlier),
        forgotten=_sum(dead & ~replaced),
        replaced=_sum(replaced),
        withheld=_sum(gone & ~dead),
        shards=tuple(np.unique(rows.shards[earlier ^ later]).tolist()),
    )


def dead_in(rows: LogRows, shards: Mapping[int, ShardRows], applied: int, end: int) -> Dead:
    """How many rows of these shards of a version an event below the offset `end` has killed."""
    dead = _held(rows, shards, applied) & (rows.deaths < end)
    replaced = dead & _replaced(rows)
    return Dead(_sum(dead & ~replaced), _sum(replaced))


def contradiction(rows: LogRows, version: Version) -> str | None:
    """How the log contradicts what a version says of its rows; None if it doesn't."""
    found = rows.shards[_held(rows, version.shards, version.applied)]
    for shard, entry in sorted(version.shards.items()):
        by_log = _sum(found == shard)
        if by_log != entry.rows:
            return f"by the log shard {shard} of version {version.version} has {by_log} rows, and it says {entry.rows}"
    return None


def _held(rows: LogRows, shards: Mapping[int, ShardRows], applied: int) -> NDArray[np.bool_]:
    """Which rows a version holds, (n,) bool: those before their shard's `through` that no event before `applied` has
    killed."""
    size = 1 + max([*shards, int(rows.shards.max(initial=0))])
    through = np.zeros(size, np.int64)
    for shard, entry in shards.items():
        through[shard] = entry.through
    return np.asarray((rows.slots < through[rows.shards]) & (rows.deaths >= applied))


def _replaced(rows: LogRows) -> NDArray[np.bool_]:
    """Which rows another one killed, (n,) bool: where a row begins, no deletion stands."""
    return np.isin(rows.deaths, rows.slots)


def _sum(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))
