"""Step 7 of the loop: what a batch asks to be sent - forwards, copies, dead letters, first receipts.

The outbox in Redis holds offsets and what is due, never bytes: those come from the batch in hand, or are
read from the log again. An entry goes when all it asks for is acknowledged, so a crash sends some of it
twice; all of it may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import islice

from processor.errors import LogRefused, LogUnavailable
from processor.events import Delete, Insert
from processor.given_up import leave_open
from processor.log.protocol import Log, Producer, Record
from processor.manifest import Receipt
from processor.owned import Owned
from processor.parsing import Parser
from processor.plan import ACCEPTED, COPIES, DEAD, HOME
from processor.reread import GONE, SPOILT, lost_at, records_at, unreadable_at
from processor.routing import Digests, Origin, event_key, home, origin_header
from processor.sent_before import SentBefore
from processor.settings import Settings
from processor.view import Change

__all__ = ["Outbox"]

_AT_ONCE = 1000
"""Entries that one script closes, so that none is long."""
_READ_AT_ONCE = 10_000
"""Records that one turn reads to see what was sent before."""
_MANY = 10_000
"""Entries that wait for it: then reading goes before."""

Sends = dict[str, Future[int]]
"""What was sent for one event, by name; a copy's name is its partition."""


class Outbox:
    """Sends what the outboxes of owned partitions hold. One turn starts sends and settles those that ended."""

    def __init__(self, settings: Settings, log: Log, producer: Producer, parser: Parser) -> None:
        self._settings = settings
        self._log = log
        self._producer = producer
        self._parser = parser
        self._digests = Digests(settings.secret_bytes)
        self._sent_before: SentBefore | None = None
        self._building: set[int] = set()
        """Partitions with events from before the model was made that are still to be applied, or to be sent on."""

    def turn(self, owned: Owned) -> None:
        """Raises Fenced, RolledBack, StateUnavailable, LogUnavailable."""
        fresh = self._ready(owned, [offset for offset in owned.view.outbox if offset not in owned.sending])
        records = self._records(owned, fresh)
        for offset, record in records.items():
            owned.sending[offset] = dict(self._sends(owned, record, owned.view.outbox[offset]))
        self._let_go(owned, [offset for offset in fresh if offset not in records])
        self._settle(owned)

    def _ready(self, owned: Owned, fresh: list[int]) -> list[int]:
        """Those that can be sent now. What may have been sent before the model was made waits until the log tells."""
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

    def _records(self, owned: Owned, offsets: list[int]) -> dict[int, Record]:
        held = {offset: owned.records[offset] for offset in offsets if offset in owned.records}
        lacking = [offset for offset in offsets if offset not in held]
        return held | records_at(self._log, self._settings.events_topic, owned.partition, lacking)

    def _let_go(self, owned: Owned, offsets: list[int]) -> None:
        """What retention took, or can't be decoded, can't be sent: a dead letter says so, without its digest."""
        place = self._log, self._settings.events_topic, owned.partition
        lost = lost_at(*place, offsets)
        spoilt = unreadable_at(*place, [offset for offset in offsets if offset not in lost])
        change = Change()
        for offset in islice(lost | spoilt, _AT_ONCE):
            due = owned.view.outbox[offset]
            if due[0] == DEAD:
                letter = self._dead_letter(owned.partition, offset, due[1], None)
                owned.sending[offset] = {DEAD: letter}
            else:
                leave_open(owned.view, change, offset, GONE if offset in lost else SPOILT, nameless=True)
        if change.tables:
            owned.commit(change)
            owned.counters["retention_lost"] += len(change.tables["unresolved"])

    def _sends(self, owned: Owned, record: Record, due: list[str]) -> Iterator[tuple[str, Future[int]]]:
        if due[0] == DEAD:
            digest = self._digests.log_record(record.key, record.value)
            yield DEAD, self._dead_letter(owned.partition, record.offset, due[1], digest)
            return
        event = self._parser.taken(record.value)
        there = self._places(owned, record)
        if HOME in due and isinstance(event, Insert | Delete):
            where = home(event_key(event), self._settings.partitions)
            yield HOME, there.get(where) or self._forward(record, where)
        if ACCEPTED in due and isinstance(event, Delete):
            owned.event_ids[record.offset] = event.event_id
            yield ACCEPTED, self._receipt(event.event_id, owned.partition, record.offset)
        if COPIES in due:
            for partition in range(self._settings.partitions):
                if partition != owned.partition:
                    yield str(partition), there.get(partition) or self._forward(record, partition)

    def _places(self, owned: Owned, record: Record) -> dict[int, Future[int]]:
        """Partitions where the record was sent to before the model was made, as if it had been sent now."""
        if self._sent_before is None or record.offset >= owned.view.number("made_at"):
            return {}
        there: dict[int, Future[int]] = {}
        for partition, offset in self._sent_before.places(record).items():
            there[partition] = Future()
            there[partition].set_result(offset)
        owned.counters["sent_before"] += bool(there)
        return there

    def _settle(self, owned: Owned) -> None:
        change = Change()
        done = (offset for offset, sends in owned.sending.items() if all(f.done() for f in sends.values()))
        ended = list(islice(done, _AT_ONCE))
        for offset in ended:
            self._close(owned, change, offset, owned.sending.pop(offset))
        if change.tables:
            owned.commit(change)
            for offset in ended:
                owned.records.pop(offset, None)

    def _close(self, owned: Owned, change: Change, offset: int, sends: Sends) -> None:
        errors = [error for error in (future.exception() for future in sends.values()) if error is not None]
        due = owned.view.outbox[offset]
        if not errors:
            change.drop("outbox", offset)
            pending = owned.view.pending.get(offset)
            if COPIES in due and pending is not None:
                copies = {name: sent.result() for name, sent in sends.items() if name.isdecimal()}
                change.put("pending", offset, pending._replace(copies=copies))
            owned.counters["accepted"] += ACCEPTED in due
        elif due[0] != DEAD and any(map(_is_final, errors)):
            leave_open(owned.view, change, offset, "the log refuses to take it where it belongs")

    def _forward(self, record: Record, partition: int) -> Future[int]:
        origin = Origin(self._settings.model, record.partition, record.offset, record.timestamp)
        header = origin_header(self._settings.secret_bytes, origin)
        return self._producer.send(
            self._settings.events_topic, partition, record.key, record.value, [*record.headers, header]
        )

    def _receipt(self, event_id: str, partition: int, offset: int) -> Future[int]:
        receipt = Receipt(event_id=event_id, state="accepted", partition=partition, offset=offset)
        return self._producer.send(self._settings.receipts_topic, 0, event_id.encode(), receipt.encode())

    def _dead_letter(self, partition: int, offset: int, reason: str, digest: str | None) -> Future[int]:
        letter = {"partition": partition, "offset": offset, "digest": digest, "reason": reason}
        return self._producer.send(self._settings.dead_letters_topic, 0, None, json.dumps(letter).encode())


def _is_final(error: BaseException) -> bool:
    """Whether it is the record itself that is refused: rights and logins may be given back."""
    return isinstance(error, LogRefused) and not isinstance(error, LogUnavailable)
