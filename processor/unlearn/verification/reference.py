"""Where an event counts, and in which shard: the first part of the rules written a second time, in plain code.

`reference_facts` packs what a log says of its records, `reference_rows` decides which rows there are and how long,
`reference_fold` learns them. They share no code with routing, plan, slices or lineage, so what those get wrong shows as
a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from unlearn.events.event import ORIGIN, Delete, Insert, Lift, Parsed, Request, Seal
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Header, Record
from unlearn.mapping.reading import PLAIN_READING, Reading
from unlearn_models import Learner

SHARD_BYTES = slice(8, 14)  # of the owner's digest
MARK_DIGITS = 6, 16, 19  # of a partition, an offset and a time, at most


@dataclass(frozen=True)
class Model:
    """What decides which states a log gives; `secret` is the key of the digests."""

    partitions: int
    shards: int
    slice_span: int
    subjects: bool
    secret: bytes
    learner: Learner
    name: str = ""
    reading: Reading = PLAIN_READING

    def home(self, key: str) -> int:
        """The partition of a key, as Kafka's default partitioner chooses it."""
        return (murmur2(key.encode()) & 0x7FFFFFFF) % self.partitions

    def digests(self, event: Insert | Request) -> tuple[bytes, bytes]:
        """The keyed digests of the event's record and subject, 16 bytes each; empty where it names none."""
        by_record, by_subject = self._keyed
        return _digest(by_record, event.record_id), _digest(by_subject, event.subject_id)

    def alias_digest(self, alias: str) -> bytes:
        """The keyed digest of an alias, 16 bytes."""
        return _digest(self._keyed_alias, alias)

    def shard(self, record: bytes, subject: bytes) -> int:
        """The shard of a row in its partition, by its subject's digest, or by its record's if it has no subject."""
        return int.from_bytes((subject or record)[SHARD_BYTES], "little") % self.shards

    def parser(self) -> Parser:
        """What reads the events of this model."""
        return Parser(self.learner.labels, self.learner.n_features, counts=self.learner.counts, reading=self.reading)

    def counts_in(self, partition: int, event: Parsed) -> bool:
        """Whether an event read in this partition is applied there. One that lies elsewhere than at home is applied
        where it is sent on to."""
        if partition >= self.partitions or not isinstance(event, Insert | Request):
            return partition < self.partitions and isinstance(event, Seal)
        if event.subject_id is not None and not self.subjects:
            return False
        if isinstance(event, Insert):
            return self.home(event.subject_id or event.record_id) == partition
        if event.alias is not None or (self.subjects and event.subject_id is None):
            return True
        return self.home(event.subject_id or event.record_id or "") == partition

    def sent_from(self, headers: Sequence[Header], *, claimed: bool) -> tuple[int, int, int] | None:
        """(partition, offset, time) of where an event stood first that was sent on; None for one that wasn't.

        It is what this model proves; with `claimed`, or else what the first mark of another says.
        """
        marks = _marks(headers)
        known = [*self._proved(marks), *(marks if claimed else ())]
        return next(((mark.partition, mark.offset, mark.time) for mark in known), None)

    def _proved(self, marks: Sequence[_Mark]) -> list[_Mark]:
        return [mark for mark in marks if mark.model == self.name.encode() and self._proof(mark.text) == mark.proof]

    def _proof(self, text: bytes) -> bytes:
        return blake2b(text, key=self._key, person=b"origin", digest_size=16).hexdigest().encode()

    @cached_property
    def _key(self) -> bytes:
        return self.secret if len(self.secret) <= 64 else blake2b(self.secret).digest()

    @cached_property
    def _keyed_alias(self) -> blake2b:
        return blake2b(key=self._key, person=b"alias", digest_size=16)

    @cached_property
    def _keyed(self) -> tuple[blake2b, blake2b]:
        kinds = b"record", b"subject"
        by_record, by_subject = (blake2b(key=self._key, person=kind, digest_size=16) for kind in kinds)
        return by_record, by_subject


class _Mark(NamedTuple):
    """What the header of an event says that a model has sent on."""

    text: bytes
    model: bytes
    partition: int
    offset: int
    time: int
    proof: bytes

    @staticmethod
    def of(value: bytes) -> _Mark | None:
        """The mark in a header's value; None for any other value."""
        model, *numbers, proof = value.split(b"/") if value.count(b"/") == 4 else (b"", b"")
        # A record without a time has -1.
        sizes = zip([*numbers[:2], *(number.removeprefix(b"-") for number in numbers[2:])], MARK_DIGITS, strict=False)
        if not 1 <= len(model) <= 256 or not all(n.isdigit() and len(n) <= most for n, most in sizes):
            return None
        if len(proof) != 32 or proof.strip(b"0123456789abcdef"):
            return None
        return _Mark(value[: -len(proof) - 1], model, int(numbers[0]), int(numbers[1]), int(numbers[2]), proof)


def _marks(headers: Sequence[Header]) -> list[_Mark]:
    return [mark for name, value in headers if name == ORIGIN and (mark := _Mark.of(value or b""))]


def _meant(event: Insert | Request) -> tuple[object, ...] | None:
    """What is deleted or lifted; None for an insert, of which nothing is to be remembered that it says."""
    if isinstance(event, Delete):
        return event.record_id, event.subject_id, event.alias, event.revision, event.scope
    return (event.record_id, event.subject_id, event.alias) if isinstance(event, Lift) else None


@dataclass
class Arrivals:
    """Which events count of those that were sent on to a partition, asked in the order of the log.

    What this model has sent on counts once. A lift does, whichever model has sent it on.
    """

    model: Model
    met: set[bytes] = field(default_factory=set)

    def count(self, event: Parsed, record: Record) -> bool:
        """Whether an event of this partition counts, read from this record."""
        if not record.headers or not isinstance(event, Insert | Request):
            return True
        place = self.model.sent_from(record.headers, claimed=isinstance(event, Lift))
        if place is None:
            return True
        meant = type(event).__name__, place, _meant(event)
        met = blake2b(repr(meant).encode(), digest_size=16).digest()
        first = met not in self.met
        self.met.add(met)
        return first


def murmur2(data: bytes) -> int:
    """MurmurHash2 (Austin Appleby, public domain) with the seed of Kafka's default partitioner; unsigned."""
    mask, prime = 0xFFFFFFFF, 0x5BD1E995
    value = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        block = int.from_bytes(data[at : at + 4], "little") * prime & mask
        value = (value * prime & mask) ^ ((block ^ block >> 24) * prime & mask)
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * prime & mask
    value = (value ^ value >> 13) * prime & mask
    return value ^ value >> 15


def _digest(keyed: blake2b, name: str | None) -> bytes:
    if name is None:
        return b""
    hashed, data = keyed.copy(), name.encode()
    hashed.update(len(data).to_bytes(4, "little") + data)
    return hashed.digest()
