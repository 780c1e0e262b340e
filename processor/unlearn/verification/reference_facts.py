"""What a partition's log says of its records, packed: digests, revisions and offsets, without texts.

An insert or deletion takes 52 bytes, and 12 more while they are put in order. As plain objects, with their texts, they
would take two thousand, and a log of millions would not fit into memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import Delete, Insert, Seal
from unlearn.log.protocol import Record
from unlearn.verification.reference import Model

DELETION = -1  # stands where an insert has its shard
ALL_REVISIONS = NEVER = 2**63 - 1
_DIGEST = "S16"
_AT_ONCE = 1000


class Fact(NamedTuple):
    """An insert of a record, or a deletion that names it.

    `place`: which of the partition's facts it is, counted from 0. `record`, `subject`: digests; b"" is no subject, and
    in a deletion every subject. `revision`: in a deletion the highest that it kills. `gone`: the offset of the
    subject's own deletion, or NEVER.
    """

    place: int
    record: bytes
    subject: bytes
    offset: int
    revision: int
    shard: int
    gone: int


@dataclass
class Facts:
    """The events that count in one partition, in the order of their offsets: one column for each of their fields."""

    records: bytearray = field(default_factory=bytearray)
    subjects: bytearray = field(default_factory=bytearray)
    offsets: array[int] = field(default_factory=lambda: array("q"))
    revisions: array[int] = field(default_factory=lambda: array("q"))
    shards: array[int] = field(default_factory=lambda: array("i"))
    gone_subjects: bytearray = field(default_factory=bytearray)  # deletions of whole subjects stand by themselves
    gone_offsets: array[int] = field(default_factory=lambda: array("q"))
    seals: array[int] = field(default_factory=lambda: array("q"))  # slice ends made by seal events

    def insert(self, offset: int, record: bytes, subject: bytes, revision: int, shard: int) -> None:
        """Add an insert; `subject` is empty if it names none."""
        self._add(offset, record, subject, revision, shard)

    def delete(self, offset: int, record: bytes, subject: bytes, revision: int | None) -> None:
        """Add a deletion; what it doesn't name is empty or None."""
        if record:
            self._add(offset, record, subject, ALL_REVISIONS if revision is None else revision, DELETION)
        else:
            self.gone_subjects += subject
            self.gone_offsets.append(offset)

    def by_pair(self) -> Iterator[Iterator[Fact]]:
        """For each pair of record and subject all facts that touch it, in the order of offsets; each to be run out."""
        for _, of_record in groupby(self._sorted(), key=attrgetter("record")):
            everywhere: list[Fact] = []
            for subject, of_pair in groupby(of_record, key=attrgetter("subject")):
                if not subject:  # the first, as it is sorted before all others
                    yield _noting_deletions(of_pair, everywhere)
                else:
                    yield merge(of_pair, everywhere, key=attrgetter("offset"))

    def _add(self, offset: int, record: bytes, subject: bytes, revision: int, shard: int) -> None:
        self.records += record
        self.subjects += subject.ljust(16, b"\0")
        self.offsets.append(offset)
        self.revisions.append(revision)
        self.shards.append(shard)

    def _sorted(self) -> Iterator[Fact]:
        records, subjects = np.frombuffer(self.records, _DIGEST), np.frombuffer(self.subjects, _DIGEST)
        offsets, revisions, shards = map(np.asarray, (self.offsets, self.revisions, self.shards))
        gone = _Gone(self.gone_subjects, self.gone_offsets)
        # Stable: the order of offsets stays within a pair.
        order = np.lexsort((subjects, records))
        for start in range(0, len(order), _AT_ONCE):
            at = order[start : start + _AT_ONCE]
            columns = at, records[at], subjects[at], offsets[at], revisions[at], shards[at], gone.since(subjects[at])
            yield from map(Fact._make, zip(*(column.tolist() for column in columns), strict=True))


def _noting_deletions(facts: Iterable[Fact], deletions: list[Fact]) -> Iterator[Fact]:
    """The facts; adds to `deletions` those that reach further than the ones before, as no other changes anything."""
    for fact in facts:
        if fact.shard == DELETION and (not deletions or fact.revision > deletions[-1].revision):
            deletions.append(fact)
        yield fact


class _Gone:
    """The deletions of whole subjects. The first of a subject counts."""

    def __init__(self, subjects: bytearray, offsets: array[int]) -> None:
        self._subjects, first = np.unique(np.frombuffer(subjects, _DIGEST), return_index=True)
        self._offsets = np.asarray(offsets)[first]

    def since(self, subjects: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """The offset of each subject's deletion, NEVER where there is none."""
        if not len(self._subjects):
            return np.full(len(subjects), NEVER)
        at = np.minimum(np.searchsorted(self._subjects, subjects), len(self._subjects) - 1)
        return np.where(self._subjects[at] == subjects, self._offsets[at], NEVER)


def facts_of(model: Model, partition: int, records: Iterable[Record]) -> Facts:
    """All that counts in this partition, of its records in the order of offsets."""
    parser, facts = model.parser(), Facts()
    for record in records:
        event, offset = parser.read(record), record.offset
        if not model.counts_in(partition, event):
            continue
        if isinstance(event, Seal):
            facts.seals.append(offset + 1)
        elif isinstance(event, Insert):
            digests = model.digests(event)
            facts.insert(offset, *digests, event.revision, model.shard(*digests))
        elif isinstance(event, Delete):
            facts.delete(offset, *model.digests(event), event.revision)
    return facts
