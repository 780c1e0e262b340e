"""What a partition's log says of its records, packed: digests, revisions and offsets, without texts.

An insert or deletion takes 52 bytes, 12 more while they are put in order, and some 100 more if it was sent on. As plain
objects, with their texts, they would take two thousand, and a log of millions would not fit into memory.
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

from unlearn.events.event import Delete, Insert, Lift, Seal
from unlearn.log.protocol import Record
from unlearn.verification.reference import Arrivals, Model
from unlearn.verification.reference_aliases import Aliases
from unlearn.verification.reference_subjects import DELETION, LIFT, NEVER, SO_FAR, WholeSubjects

ALL_REVISIONS = NEVER
OF_NO_SUBJECT = -4  # a deletion of the record without a subject alone
_DIGEST = "S16"
_AT_ONCE = 1000


class Fact(NamedTuple):
    """An insert of a record, or a deletion or a lift that names it.

    `place`: which of the partition's facts it is, counted from 0. `record`, `subject`: digests; b"" is no subject, and
    in a deletion and a lift every subject. `revision`: in a deletion the highest that it kills. `gone`: of an insert
    the offset of the next deletion of its whole subject, or NEVER; REFUSED where the subject is deleted.
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
    whole_subjects: WholeSubjects = field(default_factory=WholeSubjects)  # what names these stands by itself
    aliases: Aliases = field(default_factory=Aliases)
    seals: array[int] = field(default_factory=lambda: array("q"))  # slice ends made by seal events

    def insert(self, offset: int, record: bytes, subject: bytes, revision: int, shard: int) -> None:
        """Add an insert; `subject` is empty if it names none."""
        self._add(offset, record, subject, revision, shard)

    def delete(self, offset: int, record: bytes, subject: bytes, revision: int | None, so_far: bool = False) -> None:
        """Add a deletion; what it doesn't name is empty or None."""
        if record:
            self._add(offset, record, subject, ALL_REVISIONS if revision is None else revision, DELETION)
        else:
            self.whole_subjects.add(subject, offset, SO_FAR if so_far else DELETION)

    def lift(self, offset: int, record: bytes, subject: bytes) -> None:
        """Add a lift; what it doesn't name is empty."""
        if record:
            self._add(offset, record, subject, 0, LIFT)
        else:
            self.whole_subjects.add(subject, offset, LIFT)

    def resolve(self) -> None:
        """Add what deletions by alias have deleted, once all else is added."""
        for offset, record, subject in self.aliases.deletions():
            if subject:
                self.whole_subjects.add(subject, offset, DELETION)
            else:
                self._add(offset, record, b"", ALL_REVISIONS, OF_NO_SUBJECT)

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
        whole = self.whole_subjects.sorted()
        # An insert that bears a deleted alias comes behind the deletion at its own offset.
        order = np.lexsort((shards >= 0, offsets, subjects, records))
        for start in range(0, len(order), _AT_ONCE):
            at = order[start : start + _AT_ONCE]
            columns = (
                at,
                records[at],
                subjects[at],
                offsets[at],
                revisions[at],
                shards[at],
                whole.gone(subjects[at], offsets[at]),
            )
            yield from map(Fact._make, zip(*(column.tolist() for column in columns), strict=True))


def _noting_deletions(facts: Iterable[Fact], deletions: list[Fact]) -> Iterator[Fact]:
    """The facts; adds to `deletions` the lifts, and the deletions that reach further than the ones before, as no others
    change anything."""
    for fact in facts:
        reaches = not deletions or deletions[-1].shard == LIFT or fact.revision > deletions[-1].revision
        if fact.shard == LIFT or (fact.shard == DELETION and reaches):
            deletions.append(fact)
        yield fact


def facts_of(model: Model, partition: int, records: Iterable[Record]) -> Facts:
    """All that counts in this partition, of its records in the order of offsets."""
    parser, facts, arrivals = model.parser(), Facts(), Arrivals(model)
    for record in records:
        event, offset = parser.read(record), record.offset
        if not model.counts_in(partition, event) or not arrivals.count(event, record):
            continue
        if isinstance(event, Seal):
            facts.seals.append(offset + 1)
        elif isinstance(event, Insert):
            digests = model.digests(event)
            facts.insert(offset, *digests, event.revision, model.shard(*digests))
            for alias in event.aliases or ():
                facts.aliases.bear(offset, model.alias_digest(alias), *digests)
        elif isinstance(event, Delete | Lift) and event.alias is not None:
            facts.aliases.name(offset, model.alias_digest(event.alias), deletes=isinstance(event, Delete))
        elif isinstance(event, Delete):
            facts.delete(offset, *model.digests(event), event.revision, so_far=event.scope is not None)
        elif isinstance(event, Lift):
            facts.lift(offset, *model.digests(event))
    facts.resolve()
    return facts
