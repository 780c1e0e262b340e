"""Slice files in the store that were made later than those in use: after `--rebuild`, or when Redis was set back.

The newest file of a slice is never garbage, since Redis may be set back again. So the file in use is written again by a
name with the `applied` of the later one, which then can go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearn.partition.tables import Tables
from unlearn.storage.artefacts import Artefact, read_name

__all__ = ["LaterFiles", "made_later", "may_be_renamed"]


@dataclass(slots=True)
class LaterFiles:
    """What `made_later` found when all of a partition's files were last looked at."""

    applied: Mapping[tuple[int, int], int] = field(default_factory=dict)


def made_later(view: Tables, newest: Mapping[tuple[int, int], Artefact]) -> dict[tuple[int, int], int]:
    """(shard, end) -> `applied` of the newest file in the store, where that is later than the one in use."""
    return {key: one.applied for key, one in newest.items() if one.applied > _in_use(view, key, one.applied)}


def may_be_renamed(view: Tables, shard: int, end: int, published: int, later: int) -> bool:
    """Whether a slice's file may be written again by a name with the `applied` of a file made `later`; False where its
    own is as late.

    Not before a manifest has that `applied`, or while a clean-up of the shard is open of a deletion from before it: a
    row of the file may be dead by then and have no hole. `published`: the newest manifest's `applied`.
    """
    oldest = next(iter(view.open_cleanups.of_shard(shard).values()), None)
    known = published if oldest is None else min(published, oldest.death)
    return _in_use(view, (shard, end), later) < later <= known


def _in_use(view: Tables, key: tuple[int, int], otherwise: int) -> int:
    """The `applied` in the name of the file that a slice has in use; `otherwise` where it has none."""
    held = view.slices.get(key)
    artefact = read_name(held.file) if held is not None and held.file else None
    return otherwise if artefact is None else artefact.applied
