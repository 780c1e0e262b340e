"""Reading and writing who is a member: record entries, subjects and holes of a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from processor.membership import Entry, Subject, decode_entry, decode_subject, encode_entry, encode_subject
from processor.routing import bucket_and_field
from processor.state.keys import Keys
from processor.state.redis import Op

__all__ = ["drop_holes", "hole_reads", "lookup_reads", "parse_holes", "parse_lookups", "write_holes", "write_members"]


def lookup_reads(keys: Keys, records: Collection[bytes], subjects: Collection[bytes]) -> list[Op]:
    """Reads of all entries by digest, records first; answered by `parse_lookups` in the same order."""
    reads: list[Op] = []
    for digests, key_of in ((records, keys.record), (subjects, keys.subject)):
        for digest in digests:
            bucket, field = bucket_and_field(digest)
            reads.append(("HGET", key_of(bucket), field))
    return reads


def parse_lookups(
    records: Collection[bytes], subjects: Collection[bytes], replies: list[Any]
) -> tuple[dict[bytes, Entry], dict[bytes, Subject]]:
    """What `lookup_reads` found; digests that nothing is known of are missing."""
    entries = {d: decode_entry(r) for d, r in zip(records, replies[: len(records)], strict=True) if r}
    known = {d: decode_subject(r) for d, r in zip(subjects, replies[len(records) :], strict=True) if r}
    return entries, {digest: subject for digest, subject in known.items() if subject is not None}


def write_members(keys: Keys, records: Mapping[bytes, Entry], subjects: Mapping[bytes, Subject]) -> Iterable[Op]:
    """One write a subject and a record; an entry that says nothing is removed."""
    for digest, subject in subjects.items():
        bucket, field = bucket_and_field(digest)
        yield "HSET", keys.subject(bucket), field, encode_subject(subject)
    for digest, entry in records.items():
        bucket, field = bucket_and_field(digest)
        yield write_entry(keys.record(bucket), field, entry)


def write_entry(key: str, field: bytes, entry: Entry) -> Op:
    data = encode_entry(entry)
    return ("HSET", key, field, data) if data else ("HDEL", key, field)


def write_holes(keys: Keys, holes: Iterable[tuple[int, int, int, int]]) -> Iterable[Op]:
    """(shard, slice start, slot, death) each, grouped by slice, at most 1,000 a write."""
    groups: dict[tuple[int, int], list[str]] = {}
    for shard, start, slot, death in holes:
        groups.setdefault((shard, start), []).extend((str(slot), str(death)))
    for (shard, start), pairs in groups.items():
        for at in range(0, len(pairs), 2000):
            yield "HSET", keys.holes(shard, start), *pairs[at : at + 2000]


def hole_reads(keys: Keys, shard: int, starts: Iterable[int]) -> list[Op]:
    return [("HGETALL", keys.holes(shard, start)) for start in starts]


def drop_holes(keys: Keys, shard: int, start: int, slots: Sequence[int]) -> Iterable[Op]:
    for at in range(0, len(slots), 1000):
        yield "HDEL", keys.holes(shard, start), *map(str, slots[at : at + 1000])


def parse_holes(reply: list[bytes]) -> dict[int, int]:
    """slot -> death of one HGETALL, as a script returns it: flat."""
    return {int(slot): int(death) for slot, death in zip(reply[::2], reply[1::2], strict=True)}
