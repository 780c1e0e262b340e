"""One record of the events topic -> what the plan has to do with it (DESIGN 3, routing).

An event counts only on its home partition, where its key (rebuilt from the payload) belongs. Elsewhere it
is sent home, unchanged. A delete that names a record alone has no home: it counts wherever it is read, and
the first partition to read it copies it to all others. What another model has sent on is sent no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from unlearn.events.event import BadInsert, Delete, Empty, Insert, Parsed, Seal, Unreadable
from unlearn.events.partitioner import Digests, Origin, event_key, home, homes, read_origin
from unlearn.events.refused_fields import told_of
from unlearn.log.protocol import Record
from unlearn.state.entries import ALONE

__all__ = [
    "OFF_HOME",
    "Addressed",
    "Classifier",
    "Deletion",
    "Insertion",
    "Item",
    "Refused",
    "Sealing",
    "Sending",
    "wanders",
]

OFF_HOME: Final = "a forwarded event was read off its home"


class Addressed(NamedTuple):
    """The keyed digests of who an event is about; empty where it doesn't say."""

    record: bytes
    subject: bytes


class Insertion(NamedTuple):
    offset: int
    who: Addressed
    content: bytes
    revision: int
    since: int
    """When it came, ms since the epoch."""
    event: Insert


class Deletion(NamedTuple):
    offset: int
    who: Addressed
    revision: int | None
    since: int
    """When its clock started, ms since the epoch: the original's timestamp for a copy."""
    forget_within: float | None
    receipt: bool
    """A copy of another partition's event owes no receipt; the original's owner sends it."""
    copies: bool


class Sealing(NamedTuple):
    offset: int


class Refused(NamedTuple):
    """What an insert that is refused would have been."""

    who: Addressed
    revision: int
    at_home: bool
    """Whether its record would be a row here, if anywhere."""


class Sending(NamedTuple):
    """Not applied here: to be sent home, or dead-lettered for `reason`; unresolved if it may be a deletion."""

    offset: int
    kind: Literal["home", "dead", "unresolved"]
    reason: str
    since: int
    forget_within: float | None = None
    """As a readable deletion says."""
    answers: bool = False
    """Whether its sender can be told that it is refused."""
    refused: Refused | None = None


Item = Insertion | Deletion | Sealing | Sending


def wanders(item: Item) -> bool:
    """Whether an event is to be sent on, or was and lies where it doesn't belong."""
    if isinstance(item, Deletion):
        return item.copies
    return isinstance(item, Sending) and (item.kind == "home" or item.reason == OFF_HOME)


@dataclass(frozen=True, slots=True)
class Classifier:
    """Sorts the records of one partition. `partitions` is P0, the count when the model was made."""

    model: str
    partition: int
    partitions: int
    subjects: bool
    secret: bytes
    digests: Digests

    def sort(self, record: Record, event: Parsed) -> Item | None:
        """The item of a parsed record; None where there is nothing to do. Total."""
        return next(iter(self.sort_all([record], [event])), None)

    def sort_all(self, records: Sequence[Record], events: Sequence[Parsed]) -> list[Item]:
        """The items of parsed records, in their order; where there is nothing to do there is none. Total."""
        keys = [event_key(event) for event in events if isinstance(event, (Insert, Delete))]
        at = iter(homes(keys, self.partitions))
        sorted_ = [self._sort(record, event, at) for record, event in zip(records, events, strict=True)]
        return [item for item in sorted_ if item is not None]

    def _sort(self, record: Record, event: Parsed, at: Iterator[int]) -> Item | None:
        """`at` gives the homes of inserts and deletes in turn."""
        if isinstance(event, Insert):
            return self._insert(record, event, next(at) == self.partition)
        if isinstance(event, Delete):
            return self._delete(record, event, next(at) == self.partition)
        if isinstance(event, Seal):
            return Sealing(record.offset) if self.partition < self.partitions else None
        if isinstance(event, BadInsert):
            return self._bad_insert(record, event.reason)
        if isinstance(event, Unreadable):
            answers = told_of(record.value).event_id is not None
            return Sending(record.offset, "unresolved", event.reason, record.timestamp, answers=answers)
        assert isinstance(event, Empty)
        return None

    def _bad_insert(self, record: Record, reason: str) -> Item:
        _, name, subject, revision = told_of(record.value)
        sending = Sending(record.offset, "dead", reason, record.timestamp)
        if name is None or revision is None:
            return sending
        at_home = home((subject or name).encode(), self.partitions) == self.partition
        return sending._replace(refused=Refused(self._who(name, subject), revision, at_home))

    def _insert(self, record: Record, event: Insert, at_home: bool) -> Item:
        if event.subject_id is not None and not self.subjects:
            refused = Refused(self._who(event.record_id, event.subject_id), event.revision, at_home=False)
            reason = "the model was made without subjects"
            return Sending(record.offset, "dead", reason, record.timestamp, refused=refused)
        if not at_home:
            return self._send_home(record, "dead")
        who = self._who(event.record_id, event.subject_id)
        return Insertion(record.offset, who, self.digests.content(event), event.revision, record.timestamp, event)

    def _delete(self, record: Record, event: Delete, at_home: bool) -> Item:
        if event.subject_id is not None and not self.subjects:
            reason = "the model was made without subjects"
            return Sending(record.offset, "unresolved", reason, record.timestamp, event.forget_within, answers=True)
        homeless = event.subject_id is None and self.subjects and self.partitions > 1
        origin = self._origin(record)
        if (not homeless and not at_home) or (homeless and self.partition >= self.partitions and origin):
            return self._send_home(record, "unresolved", event.forget_within)
        return Deletion(
            record.offset,
            self._who(event.record_id, event.subject_id),
            event.revision,
            origin.timestamp if origin else record.timestamp,
            event.forget_within,
            receipt=not (homeless and origin),
            copies=homeless and origin is None,
        )

    def _send_home(
        self, record: Record, given_up: Literal["dead", "unresolved"], forget_within: float | None = None
    ) -> Sending:
        origin = self._origin(record)
        if origin is None:
            return Sending(record.offset, "home", "", record.timestamp, forget_within)
        # Its sender hears of the original.
        return Sending(record.offset, given_up, OFF_HOME, origin.timestamp, forget_within)

    def spare(self, item: Item) -> Item | None:
        """What is left to do about a wandering event that is a copy: its original stands elsewhere in the log."""
        if isinstance(item, Deletion) and self.partition < self.partitions:
            return item._replace(copies=False, receipt=False)
        return None

    def _origin(self, record: Record) -> Origin | None:
        return read_origin(self.secret, self.model, record.headers) if record.headers else None

    def _who(self, record_id: str | None, subject_id: str | None) -> Addressed:
        return Addressed(
            self.digests.record(record_id) if record_id is not None else b"",
            self.digests.subject(subject_id) if subject_id is not None else ALONE,
        )
