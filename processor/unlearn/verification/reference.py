"""The states that a log must give: the rules of applying it written a second time, in plain dicts.

It shares no code with routing, plan, slices or lineage, so what those get wrong shows as a difference.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from unlearn.events.event import Delete, Insert, Parsed, Seal
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Record
from unlearn.verification.reference_fold import Fold, Folded, Row, Slice
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

    def home(self, key: str) -> int:
        """The partition of a key, as Kafka's default partitioner chooses it."""
        return (murmur2(key.encode()) & 0x7FFFFFFF) % self.partitions

    def shard(self, insert: Insert) -> int:
        """The insert's shard in its partition, by the keyed digest of its subject, or of its record if it has no
        subject."""
        alone = insert.subject_id is None
        owner = (insert.record_id if alone else insert.subject_id or "").encode()
        key = self.secret if len(self.secret) <= 64 else blake2b(self.secret).digest()
        keyed = blake2b(key=key, person=b"record" if alone else b"subject", digest_size=16)
        keyed.update(len(owner).to_bytes(4, "little") + owner)
        return int.from_bytes(keyed.digest()[SHARD_BYTES], "little") % self.shards

    def counts_in(self, partition: int, event: Parsed) -> bool:
        """Whether an event read in this partition is applied there. One that lies elsewhere than at home is applied
        where it is sent on to."""
        if partition >= self.partitions or not isinstance(event, Insert | Delete):
            return partition < self.partitions and isinstance(event, Seal)
        if event.subject_id is not None and not self.subjects:
            return False
        if self.subjects and isinstance(event, Delete) and event.subject_id is None:
            return True
        return self.home(event.subject_id or event.record_id or "") == partition


@dataclass
class Replay:
    """One partition's log, applied from the model's start to the log's end."""

    model: Model
    rows: dict[int, Row] = field(default_factory=dict)  # slot -> accepted row, dead or alive
    seals: list[int] = field(default_factory=list)  # slice ends made by seal events
    live: dict[str | None, dict[str, Row]] = field(default_factory=dict)  # subject -> record -> row
    owners: dict[str, set[str | None]] = field(default_factory=dict)  # record -> subjects that ever had it
    gone: dict[str | None, int] = field(default_factory=dict)  # subject -> its first tombstone's offset
    tombs: dict[tuple[str | None, str], float] = field(default_factory=dict)  # pair -> revision
    everywhere: dict[str, float] = field(default_factory=dict)  # record under any subject -> revision

    def apply(self, offset: int, event: Parsed) -> None:
        """Apply an event that counts in this partition; offsets must rise from call to call."""
        if isinstance(event, Insert):
            self._insert(offset, event)
        elif isinstance(event, Delete):
            self._delete(offset, event)
        elif isinstance(event, Seal):
            self.seals.append(offset + 1)

    def _insert(self, slot: int, event: Insert) -> None:
        subject, record = event.subject_id, event.record_id
        tomb = max(self.tombs.get((subject, record), -1), self.everywhere.get(record, -1))
        old = self.live.setdefault(subject, {}).get(record)
        if subject in self.gone or event.revision <= tomb or (old and event.revision <= old.insert.revision):
            return
        if old:
            old.death = slot
        self.rows[slot] = self.live[subject][record] = Row(slot, self.model.shard(event), event)
        self.owners.setdefault(record, set()).add(subject)

    def _delete(self, offset: int, event: Delete) -> None:
        subject, record = event.subject_id, event.record_id
        revision = math.inf if record is None or event.revision is None else event.revision
        if record is None:
            self.gone.setdefault(subject, offset)
            pairs = [(subject, each) for each in self.live.get(subject, ())]
        elif subject is None:
            self.everywhere[record] = max(revision, self.everywhere.get(record, -1))
            pairs = [(each, record) for each in self.owners.get(record, ())]
        else:
            self.tombs[subject, record] = max(revision, self.tombs.get((subject, record), -1))
            pairs = [(subject, record)]
        for owner, each in pairs:
            row = self.live.get(owner, {}).get(each)
            if row and row.insert.revision <= revision:
                self.live[owner].pop(each).death = offset

    def is_end(self, offset: int) -> bool:
        """Whether a slice may end here; 0 is the end before the first."""
        return offset % self.model.slice_span == 0 or offset in self.seals

    def last_end(self, applied: int) -> int:
        """The newest slice end up to `applied` with an accepted row in its slice, in any shard; 0 if there is none."""
        return max((row.end for row in self.rows.values() if row.end <= applied), default=0)

    def holds(self, shard: int, through: int, applied: int) -> set[int]:
        """The slots held by the shard's state at (through, applied); through <= applied <= the log's end."""
        rows = self.rows.values()
        return {row.slot for row in rows if row.shard == shard and row.end <= through and row.alive(applied)}

    def state(self, shard: int, through: int, applied: int) -> Folded:
        """The shard's state at (through, applied); through <= applied <= the log's end."""
        return self._folds[shard].state(through, applied)

    @cached_property
    def _folds(self) -> list[Fold]:
        cuts: list[dict[int, list[Row]]] = [{} for _ in range(self.model.shards)]
        for row in self.rows.values():
            cuts[row.shard].setdefault(row.end, []).append(row)
        learner = self.model.learner
        return [Fold(learner, [Slice(learner, rows) for rows in cut.values()]) for cut in cuts]


def replay(model: Model, partition: int, records: Iterable[Record]) -> Replay:
    """Everything that was applied in this partition, from its records in offset order."""
    learner = model.learner
    parser = Parser(learner.labels, learner.n_features, counts=learner.counts)
    found = Replay(model)
    for record in records:
        event = parser.read(record)
        if model.counts_in(partition, event):
            found.apply(record.offset, event)
    for row in found.rows.values():
        later = found.seals[bisect_right(found.seals, row.slot) :][:1]
        row.end = min([(row.slot // model.slice_span + 1) * model.slice_span, *later])
    return found


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
