"""What a deletion would reach now, and how long the last ones took: asked before it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import NamedTuple

import redis

from unlearn.admin.lookup import Found, Lookup
from unlearn.client.took import Took, took
from unlearn.events.partitioner import Digests, home, shard_of, tag_of
from unlearn.ingest.classify import Addressed
from unlearn.log.protocol import Log
from unlearn.results.manifest import read_receipt
from unlearn.settings import Settings
from unlearn.state.aliases import addressed
from unlearn.state.entries import ALONE, NO_ROW, Pair, decode_entry
from unlearn.state.keys import Keys
from unlearn.state.lookups import asked_of, read_members, read_pairs
from unlearn.state.members import Read, walk
from unlearn.state.scripts import read_without_token

__all__ = ["Preview", "Shard", "last_took", "of_alias", "of_record", "of_subject", "would_apply"]

_RECEIPTS = 1000
_MEMBERS_AT_ONCE = 4000


class Shard(NamedTuple):
    """A shard that would be trained again, and how many of the rows it holds."""

    partition: int
    shard: int
    records: int


class Preview(NamedTuple):
    """What a deletion would kill: live records, in these shards; with none there is nothing to train again."""

    records: int
    shards: tuple[Shard, ...]


def of_record(places: Iterable[Found]) -> Preview:
    """What the deletion of a record would kill, by the places that a look-up found."""
    held = Counter((one.partition, one.shard) for one in places if one.state == "member")
    shards = [Shard(p, s, n) for (p, s), n in sorted(held.items()) if p is not None and s is not None]
    return Preview(held.total(), tuple(shards))


def of_subject(
    settings: Settings, client: redis.Redis, lookup: Lookup, subject_id: str, progress: Callable[[int], None]
) -> Preview:
    """What the deletion of a subject would kill. It reads all entries of its partition, as none is kept by subject.

    `progress` is called with how many were read so far. Raises StateUnavailable, StateMissing, IdentityChanged.
    """
    (found,) = lookup.subjects([subject_id])
    if found.state != "member" or found.partition is None or found.shard is None:
        return Preview(0, ())
    tag = tag_of(Digests(settings.secret_bytes).subject(subject_id))
    slots = _slots(partial(read_without_token, client, Keys(settings.model, found.partition)), {tag}, progress)
    rows = sum(slot >= (found.offset or 0) for slot in slots.values())
    return Preview(rows, (Shard(found.partition, found.shard, rows),) if rows else ())


def of_alias(
    settings: Settings, client: redis.Redis, lookup: Lookup, alias: str, progress: Callable[[int], None]
) -> Preview:
    """What a deletion by alias would kill. Reads, calls and raises as `of_subject`, in all partitions that know it."""
    held: Counter[tuple[int, int]] = Counter()
    for partition, targets in lookup.named_by(alias).items():
        read = partial(read_without_token, client, Keys(settings.model, partition))
        named = [Addressed(*addressed(target)) for target in sorted(targets)]
        asked = asked_of(who for who in named if who.record)
        entries, known = read_members(read, asked, [who.subject for who in named if who.subject])
        living = {
            tag_of(digest): subject.offset for digest, subject in known.items() if not (subject.dead or subject.empty)
        }
        owners = [record for record, entry in entries.items() if entry.pairs.get(ALONE, Pair()).slot != NO_ROW]
        rows = _slots(read, living, progress).items() if living else ()
        owners += [tag for (_, tag), slot in rows if slot >= living[tag]]
        held.update((partition, shard_of(owner, settings.shards_per_partition)) for owner in owners)
    return Preview(held.total(), tuple(Shard(p, s, n) for (p, s), n in sorted(held.items())))


def _slots(read: Read, tags: Collection[bytes], progress: Callable[[int], None]) -> dict[tuple[bytes, bytes], int]:
    """(name of the record, tag) -> the slot of its row, of all with a row under one of the subjects' tags."""
    seen = 0
    slots: dict[tuple[bytes, bytes], int] = {}
    for part in walk(read, "RECORDS", _MEMBERS_AT_ONCE):
        entries = {name: decode_entry(data) for name, data in part}
        read_pairs(read, {name: (entry, tags) for name, entry in entries.items() if entry.apart})
        # Members that are moved meanwhile may be met twice.
        for name, entry in entries.items():
            slots |= {(name, tag): pair.slot for tag, pair in entry.pairs.items() if tag in tags}
        seen += len(part)
        progress(seen)
    return {place: slot for place, slot in slots.items() if slot != NO_ROW}


def would_apply(settings: Settings, record: str | None, subject: str | None) -> Collection[int]:
    """The partitions that apply a deletion of these, or one by alias: all where nothing says whose records they are."""
    named = subject if subject is not None or settings.subjects else record
    return range(settings.partitions) if named is None else (home(named.encode(), settings.partitions),)


def last_took(log: Log, settings: Settings) -> Took:
    """How long the last deletions took. Raises LogUnavailable, TopicMissing."""
    start, end = log.bounds(settings.receipts_topic)[0]
    records = log.read(settings.receipts_topic, 0, max(start, end - _RECEIPTS), end)
    return took([found for record in records if (found := read_receipt(record.value)) is not None])
