"""What copies of deletions have killed in a partition, for the receipts of their originals, which stand in another.

A deletion that names a record alone is copied to all partitions, and its receipt says how many rows it killed in all of
them. So where a copy kills rows, the partition's owner notes how many, in the script that kills them, under the place
of the original. Copies of one deletion may come several times: none but the first finds rows to kill.

Where a copy of a deletion by alias finds subjects, their clean-ups count its rows, and until they are done the note
is below 0.

The original's owner reads that, and removes it once it is told. What nobody asks for is dropped by and by: two hashes
are written in turn, and the older one is emptied each time. A count that may be lost in this way is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from unlearn.state.keys import Keys
from unlearn.state.scripts import Op

__all__ = [
    "FROM",
    "HALF",
    "SINCE",
    "WRITTEN",
    "CopyKills",
    "Place",
    "drop_copy_kills",
    "parse_copy_kills",
    "read_copy_kills",
    "write_copy_kills",
]

Place = tuple[int, int]
"""(partition, offset) of a deletion."""

HALF, WRITTEN, SINCE, FROM = "copy_kills_half", "copy_kills", "copy_kills_since", "copy_kills_from"
"""Fields of `meta`: which hash is written now, how many counts went into it, and from which offset on; and the offset
from which on no copy's count has been dropped."""

_AT_ONCE = 1000


class CopyKills(NamedTuple):
    """What a partition tells of copies: its `applied`, from where on counts are kept, and the counts that there are."""

    applied: int
    kept_from: int
    counts: Mapping[Place, int]


def write_copy_kills(keys: Keys, half: int, counts: Mapping[Place, int], *, anew: bool) -> Iterable[Op]:
    """The commands that note how many rows copies have killed. `anew`: the hash is emptied first."""
    if anew:
        yield "DEL", keys.copy_kills(half)
    for part in _parts(list(counts)):
        yield "HSET", keys.copy_kills(half), *(word for place in part for word in (_field(place), str(counts[place])))


def read_copy_kills(keys: Keys, originals: Sequence[Place]) -> list[Op]:
    """The commands that read the counts of these deletions, at most 1,000; `parse_copy_kills` takes their replies."""
    fields = [_field(place) for place in originals]
    return [
        ("HMGET", keys.meta, "applied", FROM),
        *(("HMGET", keys.copy_kills(half), *fields) for half in (0, 1)),
    ]


def parse_copy_kills(originals: Sequence[Place], replies: Sequence[Sequence[bytes | None]]) -> CopyKills:
    """What the replies to `read_copy_kills` tell; deletions that nothing is noted of are missing in `counts`."""
    (applied, kept_from), *halves = replies
    counts: dict[Place, int] = {}
    for half in halves:
        counts |= {place: int(found) for place, found in zip(originals, half, strict=True) if found is not None}
    return CopyKills(int(applied or 0), int(kept_from or 0), counts)


def drop_copy_kills(keys: Keys, originals: Iterable[Place]) -> list[Op]:
    """The commands that remove the counts of these deletions."""
    return [("HDEL", keys.copy_kills(half), *map(_field, part)) for half in (0, 1) for part in _parts(list(originals))]


def _field(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _parts(places: list[Place]) -> Iterable[list[Place]]:
    return (places[at : at + _AT_ONCE] for at in range(0, len(places), _AT_ONCE))
