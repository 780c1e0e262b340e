"""Reading and writing who is a member: record entries, subjects and holes of a batch.

An entry with more than a few pairs is taken apart when it is next written: each pair gets a field of its own, so that
an event about one subject writes one pair, however many subjects use the id. A deletion under every subject still reads
and writes all pairs that it changes, by one script.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unlearn.events.partitioner import bucket_and_field, tag_of
from unlearn.state.entries import (
    NO_TOMB,
    Entry,
    Pair,
    Subject,
    decode_entry,
    decode_pair,
    decode_subject,
    encode_entry,
    encode_pair,
    encode_subject,
)
from unlearn.state.keys import Keys
from unlearn.state.scripts import Op

__all__ = [
    "MOST_PAIRS",
    "Asked",
    "asked_of",
    "drop_holes",
    "hole_reads",
    "lookup_reads",
    "pair_reads",
    "parse_holes",
    "parse_lookups",
    "parse_pairs",
    "read_members",
    "read_pairs",
    "write_entry",
    "write_holes",
    "write_members",
]

Read = Callable[[Sequence[Op]], list[Any]]
"""Runs read commands and returns their replies, in the form in which Redis' scripts return them."""

MOST_PAIRS = 64
"""An entry with more pairs is taken apart: as a whole it would be about a kilobyte to write again each time."""
_MOST_AT_ONCE = 20_000
"""Pairs that one script takes apart at most, unless one entry alone has more."""
_PART = 1000


class Asked(NamedTuple):
    """What a batch needs of a record id: the pairs of the subjects with these tags.

    `tomb`: the highest revision that the batch deletes under every subject. If it is above the entry's own tomb, all
    pairs are needed.
    """

    tags: set[bytes]
    tomb: int = NO_TOMB


def asked_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, Asked]:
    """What is needed of each record, given (record digest, subject digest) of whatever names it."""
    asked: dict[bytes, Asked] = {}
    for record, subject in pairs:
        asked.setdefault(record, Asked(set())).tags.add(tag_of(subject))
    return asked


def read_members(
    read: Read, keys: Keys, records: Mapping[bytes, Asked], subjects: Collection[bytes]
) -> tuple[dict[bytes, Entry], dict[bytes, Subject]]:
    """The entries of these records, with the pairs asked for at least, and the subjects; unknown ones are missing.

    Raises as `read` does, and ArtefactInvalid for an entry that is cut short.
    """
    entries, known = parse_lookups(records, subjects, read(lookup_reads(keys, records, subjects)))
    apart = {digest: entry for digest, entry in entries.items() if entry.apart}
    some = {digest: asked.tags for digest, asked in records.items() if digest in apart}
    for digest, entry in apart.items():
        if records[digest].tomb > entry.tomb:
            bucket, field = bucket_and_field(digest)
            entry.pairs.update(_all_pairs(read, keys.pairs(bucket, field)))
            del some[digest]
    places = {bucket_and_field(digest): (apart[digest], tags) for digest, tags in some.items()}
    read_pairs(read, keys, places)
    return entries, known


def read_pairs(read: Read, keys: Keys, places: Mapping[tuple[int, bytes], tuple[Entry, Collection[bytes]]]) -> None:
    """Read the pairs with the given tags into entries whose pairs stand apart. `places` is by (bucket, field)."""
    parts = [
        (entry, keys.pairs(*place), part)
        for place, (entry, tags) in places.items()
        for part in _parts(sorted(tags), _PART)
    ]
    replies = read([("HMGET", key, *part) for _, key, part in parts]) if parts else []
    for (entry, _, part), reply in zip(parts, replies, strict=True):
        entry.pairs.update({tag: decode_pair(tag, data) for tag, data in zip(part, reply, strict=True) if data})


def _all_pairs(read: Read, key: str) -> Iterator[tuple[bytes, Pair]]:
    cursor: str | bytes = "0"
    while True:
        cursor, flat = read([("HSCAN", key, cursor, "COUNT", str(_PART))])[0]
        yield from ((tag, decode_pair(tag, data)) for tag, data in zip(flat[::2], flat[1::2], strict=True))
        if int(cursor) == 0:
            return


def pair_reads(keys: Keys, records: Iterable[bytes]) -> list[Op]:
    """The commands that read all pairs that stand apart of these records, by digest; `parse_pairs` takes each reply."""
    return [("HGETALL", keys.pairs(*bucket_and_field(digest))) for digest in records]


def parse_pairs(reply: Mapping[bytes, bytes]) -> dict[bytes, Pair]:
    """Subject tag -> pair, from the reply to one command of `pair_reads`."""
    return {tag: decode_pair(tag, data) for tag, data in reply.items()}


def lookup_reads(keys: Keys, records: Collection[bytes], subjects: Collection[bytes]) -> list[Op]:
    """The commands that read these entries and subjects by digest; `parse_lookups` takes their replies."""
    reads: list[Op] = []
    for digests, key_of in ((records, keys.record), (subjects, keys.subject)):
        for digest in digests:
            bucket, field = bucket_and_field(digest)
            reads.append(("HGET", key_of(bucket), field))
    return reads


def parse_lookups(
    records: Collection[bytes], subjects: Collection[bytes], replies: list[Any]
) -> tuple[dict[bytes, Entry], dict[bytes, Subject]]:
    """Entries and subjects by digest, from the replies to `lookup_reads`. Unknown ones are missing.

    Pairs that stand apart aren't in the entries yet.
    """
    entries = {d: decode_entry(r) for d, r in zip(records, replies[: len(records)], strict=True) if r}
    known = {d: decode_subject(r) for d, r in zip(subjects, replies[len(records) :], strict=True) if r}
    return entries, {digest: subject for digest, subject in known.items() if subject is not None}


def write_members(
    keys: Keys,
    records: Mapping[bytes, Entry],
    subjects: Mapping[bytes, Subject],
    before: Mapping[bytes, Entry] | None = None,
    most_pairs: int = MOST_PAIRS,
) -> Iterable[Op]:
    """The commands that write subjects and entries. An entry that holds nothing is removed.

    `before`: the entries as they were read, so that of pairs that stand apart only changed ones are written. Entries
    with more than `most_pairs` are taken apart.
    """
    for digest, subject in subjects.items():
        bucket, field = bucket_and_field(digest)
        yield "HSET", keys.subject(bucket), field, encode_subject(subject)
    room = _MOST_AT_ONCE
    for digest, entry in records.items():
        was = before.get(digest) if before else None
        if not entry.apart and len(entry.pairs) > most_pairs and (len(entry.pairs) <= room or room == _MOST_AT_ONCE):
            room -= len(entry.pairs)
            entry, was = entry._replace(apart=True), None  # noqa: PLW2901
        yield from write_entry(keys, *bucket_and_field(digest), entry, was)


def write_entry(keys: Keys, bucket: int, field: bytes, entry: Entry, was: Entry | None) -> Iterator[Op]:
    """The commands that write one entry. Of pairs that stand apart only those that differ from `was` are written.

    `was` None: no pairs stood apart before.
    """
    if not entry.apart:
        data = encode_entry(entry)
        yield ("HSET", keys.record(bucket), field, data) if data else ("HDEL", keys.record(bucket), field)
        return
    known = was.pairs if was else {}
    changed = [(tag, encode_pair(tag, pair)) for tag, pair in entry.pairs.items() if known.get(tag) != pair]
    for part in _parts([one for one in changed if one[1]], _PART):
        yield "HSET", keys.pairs(bucket, field), *(x for one in part for x in one)
    for part in _parts([tag for tag, data in changed if not data], _PART):
        yield "HDEL", keys.pairs(bucket, field), *part
    if was is None or was.tomb != entry.tomb:
        yield "HSET", keys.record(bucket), field, encode_entry(entry)


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def write_holes(keys: Keys, holes: Iterable[tuple[int, int, int, int]]) -> Iterable[Op]:
    """The commands that record holes, each (shard, slice start, slot, death), up to 1,000 in one."""
    groups: dict[tuple[int, int], list[str]] = {}
    for shard, start, slot, death in holes:
        groups.setdefault((shard, start), []).extend((str(slot), str(death)))
    for (shard, start), pairs in groups.items():
        for at in range(0, len(pairs), 2000):
            yield "HSET", keys.holes(shard, start), *pairs[at : at + 2000]


def hole_reads(keys: Keys, shard: int, starts: Iterable[int]) -> list[Op]:
    """The commands that read the holes of a shard's slices, by their start offsets; `parse_holes` takes each reply."""
    return [("HGETALL", keys.holes(shard, start)) for start in starts]


def drop_holes(keys: Keys, shard: int, start: int, slots: Sequence[int]) -> Iterable[Op]:
    """The commands that remove the holes at these slots of one slice, up to 1,000 in one."""
    for at in range(0, len(slots), 1000):
        yield "HDEL", keys.holes(shard, start), *map(str, slots[at : at + 1000])


def parse_holes(reply: list[bytes]) -> dict[int, int]:
    """Slot -> death, from the reply to one command of `hole_reads`, as a script returns it: keys and values in turn."""
    return {int(slot): int(death) for slot, death in zip(reply[::2], reply[1::2], strict=True)}
