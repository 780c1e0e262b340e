"""Step 7 of the loop: what applied events ask to be sent: forwards, copies, dead letters, first receipts.

The outbox in Redis holds offsets and what is due, never bytes: those come from the batch in hand, or are read from the
log again. An entry goes once all that it asks for is acknowledged. After a crash some of it is sent twice, which does
no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import NamedTuple

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.events.event import Delete, Insert, Lift, Request, encode
from unlearn.events.marks import Origin
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import Digests, event_key, home, origin_header
from unlearn.events.refused_fields import Told
from unlearn.forwarding.dead_letter import DeadLetter
from unlearn.forwarding.dues import ACCEPTED, COPIES, DEAD, HOME, REFUSED, Letter, in_order
from unlearn.forwarding.given_up import Wait, mark_unresolved, put_letter
from unlearn.forwarding.reread import GONE, SPOILT, lost_at, records_at, unreadable_at
from unlearn.forwarding.sent_before import SentBefore
from unlearn.log.protocol import Header, Log, Producer, Record
from unlearn.moments import dated
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.open_ranges import gathered
from unlearn.partition.receipts.answers import Addressee, Answers, addressee_of, place_of
from unlearn.partition.receipts.sent import Refusals, Sent, ended, refuses
from unlearn.partition.tables import AT_ONCE, Change
from unlearn.settings import Settings
from unlearn.timestamps import parse_timestamp

__all__ = ["Outbox"]

_log = logging.getLogger(__name__)
_READ_AT_ONCE = 10_000
"""Records of the log that one turn reads to see what was sent on before the model was made."""
_MANY = 10_000
"""If more entries than this wait for that reading, a turn reads ten times as much."""
_REFUSED = "the log refuses to take it where it belongs"
_CHANGED = "it can't be sent on: it isn't read as it was when it was applied"

_Headers = Sequence[Header]
_Message = tuple[bytes | None, bytes | None, _Headers]
"""Key, value and headers of a record that is sent."""


class _Place(NamedTuple):
    """What is sent where: the outbox's word for it, or a copy's partition, and the topic and partition that get it."""

    name: str
    topic: str
    partition: int


_Wanted = tuple[_Place, _Message | int]
"""A message and its place; or the offset where it stands there already."""
_Of = tuple[int, list[_Message | int]]
"""An entry's offset, and what is sent for it, in the order of its places."""


class Outbox:
    """Sends what the outboxes of owned partitions hold. One turn starts sends and settles those that ended."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        producer: Producer,
        parser: Parser,
        answers: Answers,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self._settings = settings
        self._answers = answers
        self._log = log
        self._producer = producer
        self._parser = parser
        self._clock = clock
        self._digests = Digests(settings.secret_bytes)
        self._place_of_letters = _Place(DEAD, settings.dead_letters_topic, 0)
        self._place_of_receipts = _Place(ACCEPTED, settings.receipts_topic, 0)
        self._sent_before: SentBefore | None = None
        self._building: set[int] = set()
        """Partitions that still have events from before the model was made, to be applied or to be sent on."""

    def turn(self, owned: ClaimedPartition) -> None:
        """Send what is due, note what was acknowledged, and gather unresolved events that lie together into ranges.

        Raises Fenced, RolledBack, StateUnavailable, LogUnavailable.
        """
        sendable = in_order(owned.view.outbox)
        fresh = self._ready(owned, [offset for offset in sendable if offset not in owned.sending])
        records = self._records(owned, fresh)
        owned.records.update(records)
        self._send(owned, records)
        self._let_go(owned, [offset for offset in fresh if offset not in records])
        # Between two turns more sends may end than one change should take.
        while self._settle(owned):
            continue
        while (change := gathered(owned.view)) is not None:
            owned.commit(change)

    def _ready(self, owned: ClaimedPartition, fresh: list[int]) -> list[int]:
        """Those of the offsets whose entries can be sent now.

        An event from before the model was made may have been sent on then: it waits until the log has been searched for
        that.
        """
        made_at = owned.view.number("made_at")
        old = {
            offset for offset in fresh if offset < made_at and not {HOME, COPIES}.isdisjoint(owned.view.outbox[offset])
        }
        if old or owned.view.applied < made_at:
            self._building.add(owned.partition)
        else:
            self._building.discard(owned.partition)
        if not self._building:
            self._sent_before = None
        if not old:
            return fresh
        self._sent_before = self._sent_before or SentBefore(self._log, self._settings.events_topic)
        if self._sent_before.look(_READ_AT_ONCE * (10 if len(old) > _MANY else 1)):
            return fresh
        return [offset for offset in fresh if offset not in old]

    def _records(self, owned: ClaimedPartition, offsets: list[int]) -> dict[int, Record]:
        held = {offset: owned.records[offset] for offset in offsets if offset in owned.records}
        lacking = [offset for offset in offsets if offset not in held]
        return held | records_at(self._log, self._settings.events_topic, owned.partition, lacking)

    def _let_go(self, owned: ClaimedPartition, offsets: list[int]) -> None:
        """Give up entries whose records the log has lost or can't decode: a dead letter without digest says so."""
        place = self._log, self._settings.events_topic, owned.partition
        lost = lost_at(*place, offsets)
        spoilt = unreadable_at(*place, [offset for offset in offsets if offset not in lost])
        change, now = Change(), self._clock.wall_ms()
        for offset in islice(lost | spoilt, AT_ONCE):
            due = owned.view.outbox[offset]
            if due[0] == DEAD:
                nameless = self._dead_letter(owned.partition, offset, Letter.of(due), None)
                self._start(owned, [self._place_of_letters], [(offset, [nameless])])
            else:
                letter = Letter(GONE if offset in lost else SPOILT)
                mark_unresolved(owned.view, change, offset, letter, Wait(now, now), nameless=True)
        if change.tables:
            owned.commit(change)
            owned.counters["retention_lost"] += len(change.tables["unresolved"])

    def _send(self, owned: ClaimedPartition, records: Mapping[int, Record]) -> None:
        """Start all sends that the entries of these records ask for, those with the same places together."""
        together: dict[tuple[_Place, ...], list[_Of]] = {}
        alone = owned.kept(Refusals).alone
        for offset, record in records.items():
            wanted = list(self._wanted(owned, record, owned.view.outbox[offset]))
            places, messages = tuple(place for place, _ in wanted), [message for _, message in wanted]
            if offset in alone or any(isinstance(message, int) for message in messages):
                self._start(owned, places, [(offset, messages)])
            else:
                together.setdefault(places, []).append((offset, messages))
        for places, entries in together.items():
            for at in range(0, len(entries), AT_ONCE):
                self._start(owned, places, entries[at : at + AT_ONCE])

    def _start(self, owned: ClaimedPartition, places: Sequence[_Place], entries: Sequence[_Of]) -> None:
        """Send the entries' messages, a batch for each place."""
        columns = zip(*(messages for _, messages in entries), strict=True)
        batches = {place.name: self._batch(place, of) for place, of in zip(places, columns, strict=True)}
        sent = Sent([offset for offset, _ in entries], batches)
        owned.sending.update(dict.fromkeys(sent.offsets, sent))

    def _batch(self, place: _Place, messages: Sequence[_Message | int]) -> Future[list[int]]:
        fresh = [message for message in messages if not isinstance(message, int)]
        if not fresh:
            there: Future[list[int]] = Future()
            there.set_result([message for message in messages if isinstance(message, int)])
            return there
        headers = [headers for _, _, headers in fresh]
        plain = [(key, value) for key, value, _ in fresh]
        return self._producer.send_batch(place.topic, place.partition, plain, headers if any(headers) else ())

    def _wanted(self, owned: ClaimedPartition, record: Record, due: list[str]) -> Iterator[_Wanted]:
        """All that an entry asks to be sent."""
        if due[0] == DEAD:
            yield from self._letter(owned.partition, record, Letter.of(due))
            return
        short = record.offset in owned.kept(Refusals).shortened
        to = owned.addressees.get(record.offset)
        # Whom to answer is known only of a deletion that this owner has read itself.
        event = self._parser.taken(record) if short or to is None or HOME in due else None
        if event is not None and not isinstance(event, Insert | Request):
            return
        there = self._places(owned, record)
        message = _shortest(event) if short and event is not None else (record.key, record.value, record.headers)
        if HOME in due and event is not None:
            where = home(event_key(event), self._settings.partitions)
            place = _Place(HOME, self._settings.events_topic, where)
            yield place, there[where] if where in there else self._marked(record, message)
        if to is None and isinstance(event, Request):
            to = addressee_of(self._settings, event, record)
        if to is None:
            return
        if ACCEPTED in due:
            owned.addressees[record.offset] = to
            receipt = self._answers.accepted(to, owned.view.pending[record.offset])
            yield self._place_of_receipts, (*receipt, ())
        if COPIES in due:
            marked = self._marked(record, message)
            for place in self._copies_of(owned.partition):
                yield place, there.get(place.partition, marked)

    def _copies_of(self, partition: int) -> Iterator[_Place]:
        for other in range(self._settings.partitions):
            if other != partition:
                yield _Place(str(other), self._settings.events_topic, other)

    def _places(self, owned: ClaimedPartition, record: Record) -> Mapping[int, int]:
        """Partition -> offset of what was sent on of the record before the model was made."""
        if self._sent_before is None or record.offset >= owned.view.number("made_at"):
            return {}
        there = self._sent_before.places(record)
        owned.counters["sent_before"] += bool(there)
        return there

    def _letter(self, partition: int, record: Record, letter: Letter) -> Iterator[_Wanted]:
        """The dead letter, and the `refused` receipt if the sender is owed one."""
        digest = None if letter.last is not None else self._digests.log_record(record.key, record.value)
        yield self._place_of_letters, self._dead_letter(partition, record.offset, letter, digest)
        told = self._parser.told(record) if letter.answers else Told()
        if told.event_id is not None:
            asked = None if told.requested_at is None else parse_timestamp(told.requested_at)
            to = Addressee(told.event_id, *place_of(self._settings, record), asked)
            receipt = self._answers.refused(to, letter.reason, letter.at, letter.deadline)
            yield _Place(REFUSED, self._settings.receipts_topic, 0), (*receipt, ())

    def _settle(self, owned: ClaimedPartition) -> bool:
        """Close some of the entries all of whose sends have ended. Returns whether there were any."""
        change = Change()
        found = ended(owned.sending, AT_ONCE)
        offsets = [offset for sent in found for offset in sent.offsets]
        for offset in offsets:
            del owned.sending[offset]
        for sent in found:
            self._close(owned, change, sent)
        if change.tables:
            owned.commit(change)
        for offset in offsets:
            owned.records.pop(offset, None)
        return bool(found)

    def _close(self, owned: ClaimedPartition, change: Change, sent: Sent) -> None:
        """Settle entries whose sends have ended.

        They are dropped if all were acknowledged. If the log refuses something, it isn't known which entry is at fault,
        so each is sent again on its own. One that it refuses then for good is sent once more in fewer bytes, if there
        is such a form of it, and then given up. After any other error the entries stay, and are sent again.
        """
        errors = sent.errors()
        if not sent.batches:
            for offset in sent.offsets:
                self._give_up(owned, change, offset, _CHANGED)
        elif not errors:
            self._drop(owned, change, sent)
        elif any(map(refuses, errors.values())):
            self._refused(owned, change, sent, errors)

    def _drop(self, owned: ClaimedPartition, change: Change, sent: Sent) -> None:
        refused, outbox = owned.kept(Refusals), owned.view.outbox
        copies = {name: batch.result() for name, batch in sent.batches.items() if name.isdecimal()}
        for at, offset in enumerate(sent.offsets):
            copied = {name: written[at] for name, written in copies.items()}
            if min(copied.values(), default=0) < 0:
                # The broker took it and didn't say where, so nobody could tell when it is hidden: it is sent again.
                continue
            change.drop("outbox", offset)
            refused.forget(offset)
            pending = owned.view.pending.get(offset)
            if COPIES in outbox[offset] and pending is not None:
                change.put("pending", offset, pending._replace(copies=copied))
            owned.counters["accepted"] += ACCEPTED in outbox[offset]

    def _refused(
        self, owned: ClaimedPartition, change: Change, sent: Sent, errors: Mapping[str, BaseException]
    ) -> None:
        refused = owned.kept(Refusals)
        if len(sent.offsets) > 1:
            refused.alone.update(sent.offsets)
            return
        (offset,) = sent.offsets
        if DEAD in sent.batches:
            # The dead letter is out, and only the receipt is missing, which the log refuses for good.
            if DEAD not in errors and refuses(errors[REFUSED]):
                owned.counters["senders_untold"] += 1
                _log.error("partition %d: no `refused` receipt of %d: %s", owned.partition, offset, errors[REFUSED])
                self._drop(owned, change, sent)
        elif offset not in refused.shortened and self._is_long(owned.records[offset]):
            refused.alone.add(offset)
            refused.shortened.add(offset)
        else:
            self._give_up(owned, change, offset, _REFUSED)

    def _is_long(self, record: Record) -> bool:
        """Whether the record holds more bytes than its event needs, so that a shorter message is worth a try."""
        event = self._parser.taken(record)
        said = record.key, record.value, tuple(record.headers)
        return isinstance(event, Insert | Request) and said != _shortest(event)

    def _give_up(self, owned: ClaimedPartition, change: Change, offset: int, reason: str) -> None:
        owned.kept(Refusals).forget(offset)
        owned.counters["given_up"] += 1
        record = owned.records[offset]
        event = self._parser.taken(record)
        within = event.forget_within if isinstance(event, Delete) else None
        now = self._clock.wall_ms()
        since = dated(record.timestamp, now)
        deadline = since + round((self._settings.forget_within if within is None else within) * 1000)
        if isinstance(event, Insert | Lift):
            change.drop("pending", offset)
            letter = Letter(reason, answers=isinstance(event, Lift), at=now, deadline=deadline)
            put_letter(owned.view, change, offset, letter)
            return
        mark_unresolved(owned.view, change, offset, Letter(reason, answers=True, at=now), Wait(since, deadline))

    def _marked(self, record: Record, message: _Message) -> _Message:
        """The message with the header that tells where the record stands."""
        key, value, headers = message
        origin = Origin(self._settings.model, record.partition, record.offset, record.timestamp)
        return key, value, [*headers, origin_header(self._settings.secret_bytes, origin)]

    def _dead_letter(self, partition: int, offset: int, letter: Letter, digest: str | None) -> _Message:
        of_many = {} if letter.last is None else {"last": letter.last, "count": letter.total}
        told = DeadLetter(partition=partition, offset=offset, digest=digest, reason=letter.reason, **of_many)
        return None, told.encode(), ()


def _shortest(event: Insert | Request) -> _Message:
    return event_key(event), encode(event), ()
