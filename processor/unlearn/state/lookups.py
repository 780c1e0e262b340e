"""Reading and writing who is a member: record entries, subjects and holes of a batch.

An entry with more than a few pairs is taken apart when it is next written: each pair gets a field of its own, so that
an event about one subject writes one pair, however many subjects use the id. A deletion under every subject still reads
and writes all pairs that it changes, by one script.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unlearn.events.partitioner import tag_of
from unlearn.state.entries import (
    ALONE,
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
from unlearn.state.members import Read, name_of
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
        known = asked.get(record)
        if known is None:
            asked[record] = Asked({tag_of(subject)})
        else:
            known.tags.add(tag_of(subject))
    return asked


def read_members(
    read: Read,
    records: Mapping[bytes, Asked],
    subjects: Collection[bytes],
) -> tuple[dict[bytes, Entry], dict[bytes, Subject]]:
    """The entries of these records, with the pairs asked for at least, and the subjects; unknown ones are missing.

    Raises as `read` does, and ArtefactInvalid for an entry that is cut short.
    """
    entries, known = parse_lookups(records, subjects, read(lookup_reads(records, subjects)))
    apart = {digest: entry for digest, entry in entries.items() if entry.apart}
    some = {digest: asked.tags for digest, asked in records.items() if digest in apart}
    for digest, entry in apart.items():
        if records[digest].tomb > entry.tomb:
            entry.pairs.update(_all_pairs(read, name_of(digest)))
            del some[digest]
    read_pairs(read, {name_of(digest): (apart[digest], tags) for digest, tags in some.items()})
    return entries, known


def read_pairs(read: Read, wanted: Mapping[bytes, tuple[Entry, Collection[bytes]]]) -> None:
    """Read the pairs with the given tags into entries whose pairs stand apart. `wanted` is by the records' names."""
    parts = [(entry, name, part) for name, (entry, tags) in wanted.items() for part in _parts(sorted(tags), _PART)]
    replies = read([("PAIRS.HMGET", name, *part) for _, name, part in parts]) if parts else []
    for (entry, _, part), reply in zip(parts, replies, strict=True):
        entry.pairs.update({tag: decode_pair(tag, data) for tag, data in zip(part, reply, strict=True) if data})


def _all_pairs(read: Read, name: bytes) -> Iterator[tuple[bytes, Pair]]:
    cursor: str | bytes = "0"
    while True:
        cursor, flat = read([("PAIRS.HSCAN", name, cursor, "COUNT", str(_PART))])[0]
        yield from parse_pairs(flat).items()
        if int(cursor) == 0:
            return


def pair_reads(records: Iterable[bytes]) -> list[Op]:
    """The commands that read all pairs that stand apart of these records, by digest; `parse_pairs` takes each reply."""
    return [("PAIRS.HGETALL", name_of(digest)) for digest in records]


def parse_pairs(reply: Sequence[bytes]) -> dict[bytes, Pair]:
    """Subject tag -> pair, from the reply to one command of `pair_reads`: tags and pairs in turn."""
    return {tag: decode_pair(tag, data) for tag, data in zip(reply[::2], reply[1::2], strict=True)}


def lookup_reads(records: Collection[bytes], subjects: Collection[bytes]) -> list[Op]:
    """The commands that read these entries and subjects by digest; `parse_lookups` takes their replies."""
    return [
        ("RECORDS.GET", b"".join(map(name_of, records))),
        ("SUBJECTS.GET", b"".join(map(name_of, subjects))),
    ]


def parse_lookups(
    records: Collection[bytes], subjects: Collection[bytes], replies: Sequence[Any]
) -> tuple[dict[bytes, Entry], dict[bytes, Subject]]:
    """Entries and subjects by digest, from the replies to `lookup_reads`. Unknown ones are missing.

    Pairs that stand apart aren't in the entries yet.
    """
    entries = {d: decode_entry(r) for d, r in zip(records, replies[0], strict=True) if r}
    known = {d: decode_subject(r) for d, r in zip(subjects, replies[1], strict=True) if r}
    return entries, {digest: subject for digest, subject in known.items() if subject is not None}


def write_members(
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
        yield "SUBJECT.SET", name_of(digest), encode_subject(subject)
    room = _MOST_AT_ONCE
    for digest, entry in records.items():
        if not entry.apart and len(entry.pairs) <= most_pairs:
            yield from write_entry(name_of(digest), entry, None)
            continue
        was = before.get(digest) if before else None
        # A pair without subject may say nothing any more, which its bytes don't tell: so it doesn't count.
        pairs = len(entry.pairs.keys() - {ALONE})
        if not entry.apart and pairs > most_pairs and (pairs <= room or room == _MOST_AT_ONCE):
            room -= pairs
            entry, was = entry._replace(apart=True), None  # noqa: PLW2901
        yield from write_entry(name_of(digest), entry, was)


def write_entry(name: bytes, entry: Entry, was: Entry | None) -> Iterator[Op]:
    """The commands that write the entry of the record with this name. `was`: what was read of it.

    Of pairs that stand apart only those that differ from `was` are written. `was` None: no pairs stood apart before.
    """
    if not entry.apart:
        data = encode_entry(entry)
        yield ("RECORD.SET", name, data) if data else ("RECORD.DEL", name)
        return
    known = was.pairs if was else {}
    changed = [(tag, encode_pair(tag, pair)) for tag, pair in entry.pairs.items() if known.get(tag) != pair]
    for part in _parts([one for one in changed if one[1]], _PART):
        yield "PAIRS.HSET", name, *(x for one in part for x in one)
    for part in _parts([tag for tag, data in changed if not data], _PART):
        yield "PAIRS.HDEL", name, *part
    if was is None or was.tomb != entry.tomb:
        yield "RECORD.SET", name, encode_entry(entry)


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
