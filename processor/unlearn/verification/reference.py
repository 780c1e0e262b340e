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

from unlearn.events.event import ORIGIN, Insert, Parsed, Request, Seal
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Header
from unlearn_models import Learner

SHARD_BYTES = slice(8, 14)  # of the owner's digest


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

    def home(self, key: str) -> int:
        """The partition of a key, as Kafka's default partitioner chooses it."""
        return (murmur2(key.encode()) & 0x7FFFFFFF) % self.partitions

    def digests(self, event: Insert | Request) -> tuple[bytes, bytes]:
        """The keyed digests of the event's record and subject, 16 bytes each; empty where it names none."""
        by_record, by_subject = self._keyed
        return _digest(by_record, event.record_id), _digest(by_subject, event.subject_id)

    def shard(self, record: bytes, subject: bytes) -> int:
        """The shard of a row in its partition, by its subject's digest, or by its record's if it has no subject."""
        return int.from_bytes((subject or record)[SHARD_BYTES], "little") % self.shards

    def parser(self) -> Parser:
        """What reads the events of this model."""
        return Parser(self.learner.labels, self.learner.n_features, counts=self.learner.counts)

    def counts_in(self, partition: int, event: Parsed) -> bool:
        """Whether an event read in this partition is applied there. One that lies elsewhere than at home is applied
        where it is sent on to."""
        if partition >= self.partitions or not isinstance(event, Insert | Request):
            return partition < self.partitions and isinstance(event, Seal)
        if event.subject_id is not None and not self.subjects:
            return False
        if self.subjects and isinstance(event, Request) and event.subject_id is None:
            return True
        return self.home(event.subject_id or event.record_id or "") == partition

    def origin(self, headers: Sequence[Header]) -> tuple[int, int] | None:
        """(partition, offset) where an event stood first that this model has sent on; None for any other."""
        for name, value in headers:
            text, _, proof = (value or b"").rpartition(b"/")
            if name == ORIGIN and proof == self._proof(text):
                model, partition, offset, _ = text.decode().split("/")
                if model == self.name:
                    return int(partition), int(offset)
        return None

    def _proof(self, text: bytes) -> bytes:
        return blake2b(text, key=self._key, person=b"origin", digest_size=16).hexdigest().encode()

    @cached_property
    def _key(self) -> bytes:
        return self.secret if len(self.secret) <= 64 else blake2b(self.secret).digest()

    @cached_property
    def _keyed(self) -> tuple[blake2b, blake2b]:
        kinds = b"record", b"subject"
        by_record, by_subject = (blake2b(key=self._key, person=kind, digest_size=16) for kind in kinds)
        return by_record, by_subject


@dataclass
class Lifts:
    """Which lifts count in a partition, asked in the order of the log.

    One that was sent on counts once, and not behind a later one of the partition that it comes from. What another
    model has sent on, this one sends on, too.
    """

    model: Model
    through: dict[int, int] = field(default_factory=dict)  # partition -> the highest offset of a lift from there

    def count(self, headers: Sequence[Header]) -> bool:
        """Whether a lift with these headers counts."""
        if all(name != ORIGIN for name, _ in headers):
            return True
        partition, offset = self.model.origin(headers) or (-1, -1)
        first = offset > self.through.get(partition, -1)
        self.through[partition] = max(offset, self.through.get(partition, -1))
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
