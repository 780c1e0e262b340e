"""Routing: what one record of the events topic asks the plan to do (docs/design.md, section 3, "Homes").

An event counts only on its home partition, where its key (rebuilt from the payload) belongs. Elsewhere it is sent home,
unchanged. A delete that names a record alone, or an alias, has no home: it counts wherever it is read, and the first
partition to read it copies it to all others. What another model has sent on is sent no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from unlearn.events.event import BadInsert, Delete, Empty, Insert, Lift, Parsed, Request, Seal, Unreadable
from unlearn.events.marks import Origin, read_marks
from unlearn.events.partitioner import Digests, event_key, home, homes, read_origin
from unlearn.events.refused_fields import Told, told_of
from unlearn.log.protocol import Record
from unlearn.partition.receipts.answers import Addressee, sender_of
from unlearn.state.entries import ALONE

__all__ = [
    "NO_SUBJECTS",
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
NO_SUBJECTS: Final = "the model was made without subjects"


Place = tuple[int, int]
"""(partition, offset)."""


class Addressed(NamedTuple):
    """The keyed digests of the record and the subject that an event is about; empty for one that it doesn't name."""

    record: bytes
    subject: bytes


class Insertion(NamedTuple):
    """An insert that is read on its home partition; `content` is a keyed tag of its content, to tell conflicts."""

    offset: int
    who: Addressed
    content: bytes
    revision: int
    since: int
    """The timestamp of its record, ms since the epoch."""
    event: Insert
    aliases: tuple[bytes, ...] = ()
    """The keyed digests of its aliases, each once."""
    arrival: bytes = b""
    """The digest by which it is remembered, where this model has sent it on; else empty."""


Effect = Literal["forget", "forget so far", "lift"]


class Deletion(NamedTuple):
    """A deletion that counts on this partition, or a lift. `revision` None means every revision, for ever."""

    offset: int
    who: Addressed
    revision: int | None
    since: int
    """Since when it waits, ms since the epoch: the timestamp of its record, or of the original for a copy."""
    forget_within: float | None
    """Seconds from `since` to the deadline, as the event asks; None leaves it to the settings."""
    receipt: bool
    """Whether this partition owes the sender a receipt. For a copy the partition that read the original sends it."""
    copies: bool
    """Whether this partition is the first to read it and must copy it to all others."""
    sender: Addressee | None = None
    """Whom its receipts answer, where this partition owes them."""
    effect: Effect = "forget"
    original: Place | None = None
    """Of a copy, where the deletion stands whose receipts count what it kills."""
    alias: bytes = b""
    """The keyed digest of the alias that it names; then it names nothing else."""
    arrival: bytes = b""
    """As of an insertion; a lift has one whichever model has sent it on."""
    again: bool = False
    """Of a lift that was sent on: whether it has counted before, so that nothing is left to do but to answer."""


class Sealing(NamedTuple):
    """A seal event: the slice ends after it."""

    offset: int


class Refused(NamedTuple):
    """Which record a refused insert names, and the revision that it would have brought."""

    who: Addressed
    revision: int
    at_home: bool
    """Whether this partition is the insert's home, so that its membership tells what the insert would have replaced."""


class Sending(NamedTuple):
    """An event that isn't applied here: it is sent home, or gets a dead letter for `reason`.

    Of kind "unresolved" is one that may be a deletion: besides its dead letter it stays open, with a deadline.
    """

    offset: int
    kind: Literal["home", "dead", "unresolved"]
    reason: str
    since: int
    """The timestamp of the record, or of its original, ms since the epoch."""
    forget_within: float | None = None
    """Seconds to the deadline, where the event could be read as a deletion that names them."""
    answers: bool = False
    """Whether the event has a readable `event_id`, so that its sender can be sent a `refused` receipt."""
    refused: Refused | None = None
    in_order: bool = False
    """Whether no event that is sent on may overtake it, or be overtaken by it."""


GivenUp = Literal["dead", "unresolved"]
Item = Insertion | Deletion | Sealing | Sending


def _claimed(record: Record) -> Origin | None:
    """Where the record stood first, as the first mark of any model claims; None where it bears none."""
    return next(iter(read_marks(record.headers)), None) if record.headers else None


def _effect(event: Request) -> Effect:
    if isinstance(event, Lift):
        return "lift"
    return "forget" if event.scope is None else "forget so far"


def wanders(item: Item) -> bool:
    """Whether the event is to be sent to other partitions, or has been sent on and was read off its home."""
    if isinstance(item, Deletion):
        return item.copies
    return isinstance(item, Sending) and (item.kind == "home" or item.reason == OFF_HOME)


def _told_plainly(record: Record) -> Told:
    return told_of(record.value)


@dataclass(frozen=True, slots=True)
class Classifier:
    """Sorts the records of one partition. `partitions` is P0, the count when the model was made."""

    model: str
    partition: int
    partitions: int
    subjects: bool
    secret: bytes
    digests: Digests
    told: Callable[[Record], Told] = _told_plainly
    """What a refused record says of itself."""

    def sort(self, record: Record, event: Parsed) -> Item | None:
        """The item of a parsed record; None where there is nothing to do. Never raises."""
        return next(iter(self.sort_all([record], [event])), None)

    def sort_all(self, records: Sequence[Record], events: Sequence[Parsed]) -> list[Item]:
        """The items of parsed records, in their order; records that ask for nothing have none. Never raises."""
        keys = [event_key(event) for event in events if isinstance(event, Insert | Request)]
        at = iter(homes(keys, self.partitions))
        sorted_ = [self._sort(record, event, at) for record, event in zip(records, events, strict=True)]
        return [item for item in sorted_ if item is not None]

    def _sort(self, record: Record, event: Parsed, at: Iterator[int]) -> Item | None:
        """`at` gives the home partitions of inserts, deletes and lifts one after the other, in the records' order."""
        if isinstance(event, Insert):
            return self._insert(record, event, next(at) == self.partition)
        if isinstance(event, Request):
            return self._request(record, event, next(at) == self.partition)
        if isinstance(event, Seal):
            return Sealing(record.offset) if self.partition < self.partitions else None
        if isinstance(event, BadInsert):
            return self._bad_insert(record, event)
        if isinstance(event, Unreadable):
            answers = self.told(record).event_id is not None
            return Sending(record.offset, "unresolved", event.reason, record.timestamp, answers=answers)
        assert isinstance(event, Empty)
        return None

    def _bad_insert(self, record: Record, event: BadInsert) -> Item:
        event_id, name, subject, revision, _ = self.told(record)
        answers = event.answers and event_id is not None
        sending = Sending(record.offset, "dead", event.reason, record.timestamp, answers=answers)
        if name is None or revision is None:
            return sending
        at_home = home((subject or name).encode(), self.partitions) == self.partition
        return sending._replace(refused=Refused(self._who(name, subject), revision, at_home))

    def _insert(self, record: Record, event: Insert, at_home: bool) -> Item:
        if event.subject_id is not None and not self.subjects:
            refused = Refused(self._who(event.record_id, event.subject_id), event.revision, at_home=False)
            return Sending(record.offset, "dead", NO_SUBJECTS, record.timestamp, refused=refused)
        if not at_home:
            return self._send_home(record, "dead")
        who = self._who(event.record_id, event.subject_id)
        aliases = tuple(map(self.digests.alias, dict.fromkeys(event.aliases))) if event.aliases else ()
        content = self.digests.content(event)
        origin = self._origin(record)
        arrival = b"" if origin is None else self.digests.arrival(origin)
        return Insertion(record.offset, who, content, event.revision, record.timestamp, event, aliases, arrival)

    def _request(self, record: Record, event: Request, at_home: bool) -> Item:
        given_up: GivenUp = "unresolved" if isinstance(event, Delete) else "dead"
        within = event.forget_within if isinstance(event, Delete) else None
        if event.subject_id is not None and not self.subjects:
            return Sending(record.offset, given_up, NO_SUBJECTS, record.timestamp, within, answers=True)
        homeless = self.partitions > 1 and (event.alias is not None or (event.subject_id is None and self.subjects))
        origin = self._origin(record)
        if (not homeless and not at_home) or (homeless and self.partition >= self.partitions and origin):
            sending = self._send_home(record, given_up, within, answers=True)
            return sending._replace(in_order=isinstance(event, Lift))
        receipt = not (homeless and origin)
        sent = origin or (_claimed(record) if isinstance(event, Lift) else None)
        who, alias = self._who(event.record_id, event.subject_id), self._alias(event)
        return Deletion(
            record.offset,
            who,
            event.revision if isinstance(event, Delete) else None,
            origin.timestamp if origin else record.timestamp,
            within,
            receipt=receipt,
            copies=homeless and origin is None,
            sender=sender_of(event, record, origin) if receipt else None,
            effect=_effect(event),
            original=(origin.partition, origin.offset) if origin and not receipt else None,
            alias=alias,
            arrival=b"" if sent is None else self._arrival(sent, event, who, alias),
        )

    def _alias(self, event: Request) -> bytes:
        return b"" if event.alias is None else self.digests.alias(event.alias)

    def _arrival(self, origin: Origin, event: Request, who: Addressed, alias: bytes) -> bytes:
        """Of what is deleted, or lifted, whichever part of a message says it: another is never taken for the same."""
        given = event.revision if isinstance(event, Delete) else None
        revision = b"" if given is None else b"%d" % given
        return self.digests.arrival(origin, *who, alias, revision, _effect(event).encode())

    def _send_home(
        self, record: Record, given_up: GivenUp, forget_within: float | None = None, *, answers: bool = False
    ) -> Sending:
        """The item of an event off its home: sent home, or `given_up` if it was sent on before and still came here."""
        origin = self._origin(record)
        if origin is None:
            return Sending(record.offset, "home", "", record.timestamp, forget_within)
        return Sending(record.offset, given_up, OFF_HOME, origin.timestamp, forget_within, answers)

    def spare(self, item: Item, original: tuple[int, int]) -> Item | None:
        """What is left to do about a wandering event whose original stands in the log, where every model reads it.

        A deletion's copy is still applied, without receipt and copies, and what it kills is the original's; None:
        nothing is left to do.
        """
        if isinstance(item, Deletion) and self.partition < self.partitions:
            return item._replace(copies=False, receipt=False, sender=None, original=original)
        return None

    def _origin(self, record: Record) -> Origin | None:
        return read_origin(self.secret, self.model, record.headers) if record.headers else None

    def _who(self, record_id: str | None, subject_id: str | None) -> Addressed:
        return Addressed(
            self.digests.record(record_id) if record_id is not None else b"",
            self.digests.subject(subject_id) if subject_id is not None else ALONE,
        )
