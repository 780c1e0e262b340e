"""Which entries of ended slices nothing needs any more: all of their rows are dead, and their files are gone. Pure.

Entries make the slice ends (`Tables.ends`), and each slice starts at the end before it: holes in Redis are named by
that start, and manifests reach to such an end. So the last entry at an end goes only where neither would change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice, pairwise

from unlearn.partition.tables import Tables

__all__ = ["spent"]

Key = tuple[int, int]
"""(shard, slice end)."""


def spent(view: Tables, stored: Collection[Key], training: Collection[int], most: int) -> list[Key]:
    """The entries that may go together, the oldest first, at most `most`.

    `stored`: the slices of which the store has a file; `training`: the shards that have a job under way.
    """
    return list(islice(_spent(view, stored, training), most))


def _spent(view: Tables, stored: Collection[Key], training: Collection[int]) -> Iterator[Key]:
    reached = _reached(view)
    for end, following in pairwise(view.ends):
        shards = view.shards_at(end)
        gone = [shard for shard in shards if shard not in training and _is_spent(view, shard, end, stored)]
        if len(gone) == len(shards) and (end in reached or _has_holes(view, following)):
            # One entry keeps the end.
            gone = gone[1:]
        yield from ((shard, end) for shard in gone)


def _is_spent(view: Tables, shard: int, end: int, stored: Collection[Key]) -> bool:
    """Whether no row of the slice lives, and nothing is left of it in the store, in Redis and in the shard's states."""
    held = view.slices[shard, end]
    if held.live or held.file != "" or held.first_death >= 0 or (shard, end) in stored:
        return False
    states = [(through, state) for through, state in view.shard_states(shard) if through >= end]
    return all(through > end and state.applied > held.last_death for through, state in states)


def _reached(view: Tables) -> set[int]:
    """The ends up to which a manifest may say that a shard's state holds all rows, whichever of its states it names.

    See `unlearn.publishing.compose`. The empty state is one of them.
    """
    found: set[int] = set()
    for shard in {shard for shard, _ in view.slices}:
        slices = view.of_shard(shard)
        for through in (0, *(through for through, _ in view.shard_states(shard))):
            following = next(slices.with_rows(through), None)
            if following is not None:
                found.add(view.end_before(following[0]))
    return found


def _has_holes(view: Tables, end: int) -> bool:
    """Whether rows of the slices that end here have holes in Redis, named by where these slices start."""
    return any(view.slices[shard, end].first_death >= 0 for shard in view.shards_at(end))
