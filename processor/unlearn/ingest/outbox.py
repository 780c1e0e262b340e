"""Step 7 of the loop: what applied events ask to be sent: forwards, copies, dead letters, first receipts.

The outbox in Redis holds offsets and what is due, never bytes: those come from the batch in hand, or are read from the
log again. An entry goes once all that it asks for is acknowledged. After a crash some of it is sent twice, which does
no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import LogRefused, LogUnavailable
from unlearn.events.event import Delete, Insert, encode
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import Digests, Origin, event_key, home, origin_header
from unlearn.events.refused_fields import told_of
from unlearn.ingest.dues import ACCEPTED, COPIES, DEAD, HOME, REFUSED, Letter
from unlearn.ingest.given_up import Wait, mark_unresolved, put_letter
from unlearn.ingest.reread import GONE, SPOILT, lost_at, records_at, unreadable_at
from unlearn.ingest.sent_before import SentBefore
from unlearn.log.protocol import Header, Log, Producer, Record
from unlearn.moments import dated
from unlearn.partition.answers import addressee_of, receipt_to
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.open_ranges import gathered
from unlearn.partition.tables import AT_ONCE, Change
from unlearn.settings import Settings

__all__ = ["Outbox"]

_READ_AT_ONCE = 10_000
"""Records of the log that one turn reads to see what was sent on before the model was made."""
_MANY = 10_000
"""If more entries than this wait for that reading, a turn reads ten times as much."""
_REFUSED = "the log refuses to take it where it belongs"
_CHANGED = "it can't be sent on: it isn't read as it was when it was applied"

_Message = tuple[bytes | None, bytes | None, Sequence[Header]]
"""Key, value and headers of a record that is sent on, before the header with its origin is added."""

Sends = dict[str, Future[int]]
"""What was sent for one event: the outbox's word for it, or a copy's partition -> the offset to come."""


@dataclass(slots=True)
class _Shortened:
    offsets: set[int] = field(default_factory=set)
    """Events that the log refused as they were sent, such as for their size; they are sent again in fewer bytes."""


class Outbox:
    """Sends what the outboxes of owned partitions hold. One turn starts sends and settles those that ended."""

    def __init__(
        self, settings: Settings, log: Log, producer: Producer, parser: Parser, clock: Clock = MACHINE_CLOCK
    ) -> None:
        self._settings = settings
        self._log = log
        self._producer = producer
        self._parser = parser
        self._clock = clock
        self._digests = Digests(settings.secret_bytes)
        self._sent_before: SentBefore | None = None
        self._building: set[int] = set()
        """Partitions that still have events from before the model was made, to be applied or to be sent on."""

    def turn(self, owned: ClaimedPartition) -> None:
        """Send what is due, note what was acknowledged, and gather unresolved events that lie together into ranges.

        Raises Fenced, RolledBack, StateUnavailable, LogUnavailable.
        """
        fresh = self._ready(owned, [offset for offset in owned.view.outbox if offset not in owned.sending])
        records = self._records(owned, fresh)
        owned.records.update(records)
        for offset, record in records.items():
            owned.sending[offset] = dict(self._sends(owned, record, owned.view.outbox[offset]))
        self._let_go(owned, [offset for offset in fresh if offset not in records])
        # Between two turns more sends may end than one change should take.
        while self._settle(owned) == AT_ONCE:
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
                owned.sending[offset] = {DEAD: self._dead_letter(owned.partition, offset, Letter.of(due), None)}
            else:
                letter = Letter(GONE if offset in lost else SPOILT)
                mark_unresolved(owned.view, change, offset, letter, Wait(now, now), nameless=True)
        if change.tables:
            owned.commit(change)
            owned.counters["retention_lost"] += len(change.tables["unresolved"])

    def _sends(self, owned: ClaimedPartition, record: Record, due: list[str]) -> Iterator[tuple[str, Future[int]]]:
        """Start all sends that an entry asks for: (word of the outbox or partition of a copy, answer to come)."""
        if due[0] == DEAD:
            yield from self._letter(owned.partition, record, Letter.of(due))
            return
        event = self._parser.taken(record.value)
        there = self._places(owned, record)
        message = record.key, record.value, record.headers
        if record.offset in owned.kept(_Shortened).offsets and isinstance(event, Insert | Delete):
            message = _shortest(event)
        if HOME in due and isinstance(event, Insert | Delete):
            where = home(event_key(event), self._settings.partitions)
            yield HOME, there.get(where) or self._forward(record, where, message)
        if ACCEPTED in due and isinstance(event, Delete):
            owned.addressees[record.offset] = to = addressee_of(self._settings, event.event_id, record)
            yield ACCEPTED, self._receipt(receipt_to(to, "accepted"))
        if COPIES in due and isinstance(event, Delete):
            for partition in range(self._settings.partitions):
                if partition != owned.partition:
                    yield str(partition), there.get(partition) or self._forward(record, partition, message)

    def _places(self, owned: ClaimedPartition, record: Record) -> dict[int, Future[int]]:
        """Partitions to which the record was sent before the model was made, each as a send already acknowledged."""
        if self._sent_before is None or record.offset >= owned.view.number("made_at"):
            return {}
        there: dict[int, Future[int]] = {}
        for partition, offset in self._sent_before.places(record).items():
            there[partition] = Future()
            there[partition].set_result(offset)
        owned.counters["sent_before"] += bool(there)
        return there

    def _letter(self, partition: int, record: Record, letter: Letter) -> Iterator[tuple[str, Future[int]]]:
        """Send the dead letter, and the `refused` receipt if the sender is owed one."""
        digest = None if letter.last is not None else self._digests.log_record(record.key, record.value)
        yield DEAD, self._dead_letter(partition, record.offset, letter, digest)
        event_id = told_of(record.value).event_id if letter.answers else None
        if event_id is not None:
            to = addressee_of(self._settings, event_id, record)
            yield REFUSED, self._receipt(receipt_to(to, "refused", reason=letter.reason))

    def _settle(self, owned: ClaimedPartition) -> int:
        """Close the entries all of whose sends have ended. Returns how many entries those were."""
        change = Change()
        done = (offset for offset, sends in owned.sending.items() if all(f.done() for f in sends.values()))
        ended = list(islice(done, AT_ONCE))
        for offset in ended:
            self._close(owned, change, offset, owned.sending.pop(offset))
        if change.tables:
            owned.commit(change)
        for offset in ended:
            owned.records.pop(offset, None)
        return len(ended)

    def _close(self, owned: ClaimedPartition, change: Change, offset: int, sends: Sends) -> None:
        """Settle one entry whose sends have ended.

        It is dropped if all were acknowledged. If the log refuses an event for good, it is sent once more in fewer
        bytes, if there is such a form of it, and then given up. After any other error the entry stays, and is sent
        again.
        """
        errors = [error for error in (future.exception() for future in sends.values()) if error is not None]
        due = owned.view.outbox[offset]
        if not sends:
            self._give_up(owned, change, offset, _CHANGED)
        elif not errors or _letter_is_out(sends):
            change.drop("outbox", offset)
            owned.kept(_Shortened).offsets.discard(offset)
            pending = owned.view.pending.get(offset)
            if COPIES in due and pending is not None:
                copies = {name: sent.result() for name, sent in sends.items() if name.isdecimal()}
                change.put("pending", offset, pending._replace(copies=copies))
            owned.counters["accepted"] += ACCEPTED in due
        elif due[0] != DEAD and any(map(_refuses, errors)):
            if offset not in owned.kept(_Shortened).offsets and self._is_long(owned.records[offset]):
                owned.kept(_Shortened).offsets.add(offset)
            else:
                self._give_up(owned, change, offset, _REFUSED)

    def _is_long(self, record: Record) -> bool:
        """Whether the record holds more bytes than its event needs, so that a shorter message is worth a try."""
        event = self._parser.taken(record.value)
        said = record.key, record.value, tuple(record.headers)
        return isinstance(event, Insert | Delete) and said != _shortest(event)

    def _give_up(self, owned: ClaimedPartition, change: Change, offset: int, reason: str) -> None:
        owned.kept(_Shortened).offsets.discard(offset)
        owned.counters["given_up"] += 1
        record = owned.records[offset]
        event = self._parser.taken(record.value)
        if isinstance(event, Insert):
            put_letter(owned.view, change, offset, Letter(reason))
            return
        within = event.forget_within if isinstance(event, Delete) else None
        since = dated(record.timestamp, self._clock.wall_ms())
        deadline = since + round((self._settings.forget_within if within is None else within) * 1000)
        mark_unresolved(owned.view, change, offset, Letter(reason, answers=True), Wait(since, deadline))

    def _forward(self, record: Record, partition: int, message: _Message) -> Future[int]:
        key, value, headers = message
        origin = Origin(self._settings.model, record.partition, record.offset, record.timestamp)
        marked = [*headers, origin_header(self._settings.secret_bytes, origin)]
        return self._producer.send(self._settings.events_topic, partition, key, value, marked)

    def _receipt(self, receipt: tuple[bytes, bytes]) -> Future[int]:
        return self._producer.send(self._settings.receipts_topic, 0, *receipt)

    def _dead_letter(self, partition: int, offset: int, letter: Letter, digest: str | None) -> Future[int]:
        told: dict[str, object] = {"partition": partition, "offset": offset, "digest": digest, "reason": letter.reason}
        if letter.last is not None:
            told |= {"last": letter.last, "count": letter.total}
        return self._producer.send(self._settings.dead_letters_topic, 0, None, json.dumps(told).encode())


def _shortest(event: Insert | Delete) -> _Message:
    return event_key(event), encode(event), ()


def _refuses(error: BaseException) -> bool:
    """Whether the log refuses a message for good. A missing right is LogUnavailable: it may be granted later."""
    return isinstance(error, LogRefused) and not isinstance(error, LogUnavailable)


def _letter_is_out(sends: Sends) -> bool:
    """Whether the dead letter was sent and only the receipt is missing, because the log refuses it for good."""
    answer = sends.get(REFUSED)
    error = None if answer is None else answer.exception()
    return error is not None and _refuses(error) and sends[DEAD].exception() is None
