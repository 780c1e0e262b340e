"""Commands that name members, for `PartitionState`'s scripts, which alone know where members stand.

A member is a record, a subject or an alias of the partition, or an event that was sent on to it. Its name is 12 bytes,
the first of its digest: two that say where it stood in the layout of before, and ten that are its field in the tables
of now.

    RECORDS.GET names              the bytes of each record's entry; names one after the other, of 12 bytes each
    SUBJECTS.GET names             the same of subjects
    ALIASES.GET names              the same of aliases
    ARRIVALS.GET names             the same of arrivals: no bytes where the event has arrived, else nothing
    RECORDS.WALK place most        [next place, [name, bytes of the entry, ...]]; the next place is -1 at the end
    SUBJECTS.WALK place most       the same of subjects
    ALIASES.WALK place most        the same of aliases
    ARRIVALS.WALK place most       the same of arrivals
    RECORDS.FIELDS place most      [next place, fields]: of 10 bytes each, one after the other
    SUBJECTS.FIELDS place most     the same of subjects, each field with the first byte of its value behind it
    PAIRS.HMGET name tag...        Redis' command on the pairs that stand apart of the entry; so HSCAN and HGETALL
    TARGETS.HSCAN name cursor...   Redis' command on the targets that stand apart of the alias; so HGETALL

    RECORD.SET name entry          RECORD.DEL name      SUBJECT.SET name value
    ALIAS.SET name value           ALIAS.DEL name       ARRIVAL.SET name
    PAIRS.HSET name tag pair...    PAIRS.HDEL name tag...
    TARGETS.HSET name target ''...

A walk begins at place 0. It reads whole hashes until it has `most` members, and finds each member that stands there
from its start to its end, whatever is written in between: old hashes come first, then the table's buckets by number,
and a member moves only from an old hash into the table, or from a bucket into a new last one. So it may find a member
twice. A name that a walk gives names the member as the digest does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unlearn.state.scripts import Op

__all__ = ["FIELD_SIZE", "Read", "Table", "field_of", "name_of", "names_of", "pack_members", "pack_sets", "walk"]

Read = Callable[[Sequence[Op]], list[Any]]
"""Runs read commands and returns their replies, in the form in which Redis' scripts return them."""

Table = Literal["RECORDS", "SUBJECTS", "ALIASES", "ARRIVALS"]

FIELD_SIZE = 10
_NAME_SIZE = 12
_MOST_BYTES = 255
_LENGTHS = [bytes([length]) for length in range(_MOST_BYTES + 1)]


def name_of(digest: bytes) -> bytes:
    """The member's name, 12 bytes, from its digest."""
    return digest[:_NAME_SIZE]


def names_of(digests: NDArray[np.uint8]) -> bytes:
    """The names of members by their digests (n, 16), one after the other."""
    return np.ascontiguousarray(digests[:, :_NAME_SIZE]).tobytes()


def field_of(name: bytes) -> bytes:
    """The field under which a member of this name or digest stands, 10 bytes."""
    return name[_NAME_SIZE - FIELD_SIZE : _NAME_SIZE]


def pack_members(records: Mapping[bytes, bytes], subjects: Mapping[bytes, bytes]) -> bytes:
    """Entries by record digest and values by subject digest, packed for `PartitionState.commit`.

    The layout: the number of records, 4 bytes, little endian; then of each record its name, 12 bytes, the length of its
    entry, one byte, and the entry; then the same of each subject. Names may stand for digests. An entry takes the place
    of what stood there; a subject's value is written only where the subject isn't known.

    Raises ValueError for bytes longer than 255.
    """
    parts = [len(records).to_bytes(4, "little")]
    for members in (records, subjects):
        for digest, data in members.items():
            if len(data) > _MOST_BYTES:
                raise ValueError(f"a member of {len(data)} bytes can't be packed")
            parts += [digest[:_NAME_SIZE], bytes([len(data)]), data]
    return b"".join(parts)


def pack_sets(ops: Sequence[Op], members: bytes) -> tuple[list[Op], bytes]:
    """The commands without those that set a record's entry, and `members`, packed, with these in front.

    Packed they cost a part of it. Entries too long to be packed stay commands. No record may be named twice.
    """
    sets = [op for op in ops if op[0] == "RECORD.SET" and len(op[2]) <= _MOST_BYTES]
    if not sets:
        return list(ops), members
    parts = [(len(sets) + int.from_bytes(members[:4], "little")).to_bytes(4, "little")]
    for _, name, data in sets:
        parts += [name, _LENGTHS[len(data)], data]  # type: ignore[list-item]
    rest = [op for op in ops if op[0] != "RECORD.SET" or len(op[2]) > _MOST_BYTES]
    return rest, b"".join([*parts, members[4:]])


def walk(read: Read, members: Table, most: int = 10_000) -> Iterator[list[tuple[bytes, bytes]]]:
    """(name, bytes) of all members, in parts of some `most`. Raises as `read` does."""
    place = 0
    while place >= 0:
        place, flat = read([(f"{members}.WALK", str(place), str(most))])[0]
        yield list(zip(flat[::2], flat[1::2], strict=True))
