"""Where a record or a subject stands, as far as its partition has applied the log.

A record's home depends on its subject, so without one every partition is asked. Memberships keep six bytes
of a subject's digest: enough to see that an open clean-up covers a row, too little to name the subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import redis

from unlearn.errors import StateMissing
from unlearn.events.partitioner import Digests, home, shard_of, tag_of
from unlearn.identity import check_identity
from unlearn.partition.tables import Tables
from unlearn.settings import Settings
from unlearn.state.alias_lookups import read_aliases
from unlearn.state.aliases import NO_ALIAS, addressed
from unlearn.state.entries import ALONE, FOREVER, NO_ROW, NO_TOMB, Entry, Pair, Subject
from unlearn.state.keys import Keys
from unlearn.state.lookups import asked_of, lookup_reads, pair_reads, parse_lookups, parse_pairs, read_members
from unlearn.state.members import Read
from unlearn.state.scripts import Op, read_without_token

__all__ = ["Found", "Lookup"]

State = Literal["member", "forgotten", "unknown"]
_TABLES = ("meta", "slices", "cleanups")
_ALIASES_AT_ONCE = 5000


class Found(NamedTuple):
    """One answer about an id: its state, and its place as far as that is known.

    A field is None where its value isn't known, or has no meaning in this state.

    offset    of a member: its slot (of a subject: its first slot, which is a lower bound). Of an id that was
              forgotten with its subject: the offset of the subject's deletion, known while the clean-up is under
              way or where the question named the subject. A record's own deletion leaves no offset
    slice     the end of the slice that holds the slot; None while the slice is open
    revision  of a member: its revision. Of a record forgotten by a deletion of its own: the highest revision that
              was deleted; None if all were
    """

    state: State
    partition: int | None = None
    offset: int | None = None
    shard: int | None = None
    slice: int | None = None
    revision: int | None = None


class _Partition(NamedTuple):
    """What one partition holds of the ids asked for, read at one moment."""

    view: Tables
    entries: Mapping[bytes, Entry]
    subjects: Mapping[bytes, Subject]


class Lookup:
    """Answers where records and subjects stand, by reading Redis without a token.

    `identity` is the model's by the settings, as `identity_of` makes it (unlearn.identity).
    """

    def __init__(self, settings: Settings, client: redis.Redis, identity: str) -> None:
        self._settings = settings
        self._client = client
        self._identity = identity
        self._digests = Digests(settings.secret_bytes)

    def records(self, ids: Sequence[str]) -> list[list[Found]]:
        """For each id its places under every subject, one or more; `unknown` where there is none.

        Raises StateUnavailable, StateMissing, IdentityChanged.
        """
        digests = [self._digests.record(record_id) for record_id in ids]
        found: list[list[Found]] = [[] for _ in ids]
        buried: dict[int, int] = {}
        for partition, wanted in self._by_home(ids):
            held = self._read(partition, [digests[i] for i in wanted], [])
            for i in wanted:
                entry = held.entries.get(digests[i], Entry(NO_TOMB, {}))
                found[i] += self._places(partition, held.view, digests[i], entry)
                buried[i] = max(buried.get(i, NO_TOMB), entry.tomb)
        return [places or [_nowhere(None, buried[i])] for i, places in enumerate(found)]

    def records_of(self, ids: Sequence[str], subject_id: str) -> list[Found]:
        """The place of each record id under one subject. Raises as `records` does."""
        partition, subject = self._home(subject_id), self._digests.subject(subject_id)
        digests = [self._digests.record(record_id) for record_id in ids]
        held = self._read(partition, digests, [subject])
        known, tag = held.subjects.get(subject), tag_of(subject)
        if known is not None and known.dead:
            return [Found("forgotten", partition, known.offset, self._shard(tag))] * len(ids)
        return [self._under(partition, held, digest, tag) for digest in digests]

    def subjects(self, ids: Sequence[str]) -> list[Found]:
        """The place of each subject: a member from its first row until its own deletion. Raises as `records` does."""
        found: dict[int, Found] = {}
        for partition, wanted in _grouped(map(self._home, ids)):
            digests = [self._digests.subject(ids[i]) for i in wanted]
            held = self._read(partition, [], digests)
            for i, digest in zip(wanted, digests, strict=True):
                found[i] = self._subject(partition, held, digest)
        return [found[i] for i in range(len(ids))]

    def named_by(self, alias: str) -> dict[int, frozenset[bytes]]:
        """Partition -> whom the alias names there, as `state.aliases` writes it. Raises as `records` does."""
        digest, found = self._digests.alias(alias), dict[int, frozenset[bytes]]()
        for partition in range(self._settings.partitions):
            self._read(partition, [], [])
            read = partial(read_without_token, self._client, Keys(self._settings.model, partition))
            found[partition] = read_aliases(read, [digest], [digest]).get(digest, NO_ALIAS).targets
        return found

    def shared(self, aliases: Sequence[str]) -> dict[str, bool]:
        """Those of the aliases that name several subjects, or records without one -> whether a deletion by it stands
        and nobody whom it names has a row. Raises as `records` does."""
        digests = {self._digests.alias(alias): alias for alias in aliases}
        named: dict[bytes, frozenset[bytes]] = {}
        many, deleted, living = set[bytes](), set[bytes](), set[bytes]()
        for partition in range(self._settings.partitions):
            self._read(partition, [], [])
            read = partial(read_without_token, self._client, Keys(self._settings.model, partition))
            for part in _parts(list(digests)):
                for digest, alias in read_aliases(read, part, ()).items():
                    named[digest] = named.get(digest, frozenset()) | alias.targets
                    many |= {digest} if alias.apart or len(named[digest]) > 1 else set()
                    deleted |= {digest} if alias.dead and self._home(digests[digest]) == partition else set()
                    living |= {digest} if alias.dead and (alias.apart or _have_rows(read, alias.targets)) else set()
        return {digests[digest]: digest in deleted - living for digest in many}

    def _home(self, key: str) -> int:
        return home(key.encode(), self._settings.partitions)

    def _by_home(self, ids: Sequence[str]) -> Iterable[tuple[int, Sequence[int]]]:
        """(partition, indices of the ids to look for there), for every partition where one of them may be."""
        if not self._settings.subjects:
            return _grouped(map(self._home, ids))
        return [(partition, range(len(ids))) for partition in range(self._settings.partitions)]

    def _read(self, partition: int, records: Sequence[bytes], subjects: Sequence[bytes]) -> _Partition:
        keys = Keys(self._settings.model, partition)
        records, subjects = list(dict.fromkeys(records)), list(dict.fromkeys(subjects))
        tables: list[Op] = [("HGETALL", keys.of(name)) for name in _TABLES]
        reads = [*tables, *lookup_reads(records, subjects)]
        replies = read_without_token(self._client, keys, reads)
        entries, known = parse_lookups(records, subjects, replies[len(_TABLES) :])
        apart = [digest for digest, entry in entries.items() if entry.apart]
        if apart:
            # Read everything again: with the pairs that stand apart, the answer must be of one moment.
            replies = read_without_token(self._client, keys, [*reads, *pair_reads(apart)])
            entries, known = parse_lookups(records, subjects, replies[len(_TABLES) : len(reads)])
            for digest, reply in zip(apart, replies[len(reads) :], strict=True):
                entries[digest].pairs.update(parse_pairs(reply))
        raw = {
            name: dict(zip(flat[::2], flat[1::2], strict=True)) for name, flat in zip(_TABLES, replies, strict=False)
        }
        if not raw["meta"]:
            raise StateMissing(
                f"Redis holds nothing of partition {partition} of model {self._settings.model}: "
                "no worker has claimed it yet, or this is another Redis"
            )
        view = Tables(raw)
        check_identity(view.meta["identity"], self._identity, self._settings.events_topic)
        return _Partition(view, entries, known)

    def _places(self, partition: int, view: Tables, digest: bytes, entry: Entry) -> Iterator[Found]:
        cleanups = {tag_of(bytes.fromhex(subject)): cleanup for subject, cleanup in view.cleanups.items()}
        for tag, pair in entry.pairs.items():
            shard = self._shard(tag or digest)
            death = cleanups[tag].death_of(pair.slot) if tag in cleanups else None
            if death is not None:
                yield Found("forgotten", partition, death, shard)
            elif pair.slot != NO_ROW:
                yield Found("member", partition, pair.slot, shard, view.end_of(pair.slot), pair.revision)
            else:
                yield _forgotten(partition, max(pair.tomb, entry.tomb), shard)

    def _under(self, partition: int, held: _Partition, digest: bytes, tag: bytes) -> Found:
        entry = held.entries.get(digest, Entry(NO_TOMB, {}))
        only = entry._replace(pairs={tag: entry.pairs[tag]} if tag in entry.pairs else {})
        return next(self._places(partition, held.view, digest, only), _nowhere(partition, entry.tomb))

    def _subject(self, partition: int, held: _Partition, digest: bytes) -> Found:
        known = held.subjects.get(digest)
        if known is None:
            return Found("unknown", partition)
        shard = self._shard(digest)
        if known.dead or known.empty:
            return Found("forgotten", partition, known.offset, shard)
        return Found("member", partition, known.offset, shard, held.view.end_of(known.offset))

    def _shard(self, owner: bytes) -> int:
        return shard_of(owner, self._settings.shards_per_partition)


def _forgotten(partition: int | None, tomb: int, shard: int | None = None) -> Found:
    return Found("forgotten", partition, shard=shard, revision=None if tomb in (FOREVER, NO_TOMB) else tomb)


def _nowhere(partition: int | None, tomb: int) -> Found:
    """The answer for an id without a known row.

    `tomb` is the highest revision of it that was deleted under every subject.
    """
    return Found("unknown", partition) if tomb == NO_TOMB else _forgotten(partition, tomb)


def _parts(digests: list[bytes]) -> Iterator[list[bytes]]:
    return (digests[at : at + _ALIASES_AT_ONCE] for at in range(0, len(digests), _ALIASES_AT_ONCE))


def _grouped(homes: Iterable[int]) -> Iterable[tuple[int, list[int]]]:
    groups: dict[int, list[int]] = {}
    for i, partition in enumerate(homes):
        groups.setdefault(partition, []).append(i)
    return groups.items()


def _have_rows(read: Read, targets: Iterable[bytes]) -> bool:
    """Whether one of an alias's targets has a row."""
    named = [addressed(target) for target in targets]
    asked = asked_of((record, subject) for record, subject in named if record)
    entries, known = read_members(read, asked, [subject for _, subject in named if subject])
    return any(not (subject.dead or subject.empty) for subject in known.values()) or any(
        entry.pairs.get(ALONE, Pair()).slot != NO_ROW for entry in entries.values()
    )
