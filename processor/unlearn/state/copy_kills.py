"""What copies of deletions have killed in a partition, for the receipts of their originals, which stand in another.

A deletion that names a record alone is copied to all partitions, and its receipt says how many rows it killed in all of
them. So where a copy kills rows, the partition's owner notes how many, in the script that kills them, under the place
of the original. Copies of one deletion may come several times, and each that kills rows has a number of its own there:
behind a lift a copy that comes again may find rows to kill, too.

Where a copy of a deletion by alias finds subjects, their clean-ups count its rows, and until they are done its number
is below 0.

The original's owner reads that, and removes it by the script that notes that it is told. What nobody asks for is
dropped by and by: two hashes are written in turn, and the older one is emptied each time. A count that may be lost in
this way is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from unlearn.state.copies import Copy, Place
from unlearn.state.keys import Keys
from unlearn.state.scripts import Op

__all__ = [
    "FROM",
    "HALF",
    "NO_OFFSET",
    "SINCE",
    "WRITTEN",
    "CopyKills",
    "drop_copy_kills",
    "parse_copy_kills",
    "read_copy_kills",
    "write_copy_kills",
]

HALF, WRITTEN, SINCE, FROM = "copy_kills_half", "copy_kills", "copy_kills_since", "copy_kills_from"
"""Fields of `meta`: which hash is written now, how many counts went into it, and from which offset on; and the offset
from which on no copy's count has been dropped."""

NO_OFFSET = -1
_AT_ONCE = 600
_One = TypeVar("_One")


class CopyKills(NamedTuple):
    """What a partition tells of copies: its `applied`, from where on counts are kept, and the counts that there are."""

    applied: int
    kept_from: int
    counts: Mapping[Place, Mapping[int, int]]
    """Original -> offset of a copy -> rows that this copy killed, or LATER. Noted by an earlier release: one number of
    all copies, under NO_OFFSET."""


def write_copy_kills(keys: Keys, half: int, counts: Mapping[Copy, int], *, anew: bool) -> Iterable[Op]:
    """The commands that note how many rows copies have killed. `anew`: the hash is emptied first."""
    if anew:
        yield "DEL", keys.copy_kills(half)
    for part in _parts(list(counts)):
        words = ((_field(copy.original), str(copy.offset), str(counts[copy])) for copy in part)
        yield "COPIES.HSET", keys.copy_kills(half), *(word for three in words for word in three)


def read_copy_kills(keys: Keys, originals: Sequence[Place]) -> list[Op]:
    """The commands that read the counts of these deletions, at most 1,000; `parse_copy_kills` takes their replies."""
    fields = [_field(place) for place in originals]
    return [
        ("HMGET", keys.meta, "applied", FROM, HALF),
        *(("HMGET", keys.copy_kills(half), *fields) for half in (0, 1)),
    ]


def parse_copy_kills(originals: Sequence[Place], replies: Sequence[Sequence[bytes | None]]) -> CopyKills:
    """What the replies to `read_copy_kills` tell; deletions that nothing is noted of are missing in `counts`."""
    (applied, kept_from, half), *halves = replies
    older, newer = halves if int(half or 0) else halves[::-1]
    counts: dict[Place, dict[int, int]] = {}
    for place, *notes in zip(originals, older, newer, strict=True):
        for note in notes:
            if note is not None:
                counts.setdefault(place, {}).update(_parse(note))
    return CopyKills(int(applied or 0), int(kept_from or 0), counts)


def _parse(note: bytes) -> Iterable[tuple[int, int]]:
    for word in note.decode().split():
        offset, _, killed = word.rpartition(":")
        yield int(offset or NO_OFFSET), int(killed)


def drop_copy_kills(keys: Keys, originals: Iterable[Place]) -> list[Op]:
    """The commands that remove the counts of these deletions."""
    return [("HDEL", keys.copy_kills(half), *map(_field, part)) for half in (0, 1) for part in _parts(list(originals))]


def _field(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _parts(whole: list[_One]) -> Iterable[list[_One]]:
    return (whole[at : at + _AT_ONCE] for at in range(0, len(whole), _AT_ONCE))
