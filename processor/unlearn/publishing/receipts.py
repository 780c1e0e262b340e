"""Step 11 of the loop: the sender of a deletion is told `hidden` once no version in force holds the rows any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import LogUnavailable
from unlearn.events.event import Delete
from unlearn.events.parsing import Parser
from unlearn.forwarding.dues import Letter
from unlearn.forwarding.given_up import Wait, mark_unresolved
from unlearn.forwarding.reread import GONE, SPOILT, lost_at, records_at, unreadable_at
from unlearn.log.protocol import Log, Producer
from unlearn.partition.answers import addressee_of, receipt_to
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.sent import Refusals, Sent, ended, refuses
from unlearn.partition.tables import AT_ONCE, Change
from unlearn.publishing.waiting_deletions import WaitingDeletions
from unlearn.results.results_topic import Results
from unlearn.settings import Settings

__all__ = ["Receipts"]

_NAME = "hidden"


class _Refusals(Refusals):
    """Those of `hidden` receipts."""


class Receipts:
    """Sends the `hidden` receipts of pending deletions, and gives up those whose senders can't be known any more."""

    def __init__(
        self, settings: Settings, log: Log, producer: Producer, parser: Parser, clock: Clock = MACHINE_CLOCK
    ) -> None:
        self._settings = settings
        self._log = log
        self._producer = producer
        self._parser = parser
        self._clock = clock

    def turn(self, owned: ClaimedPartition, results: Results) -> None:
        """Send `hidden` for every pending deletion that manifests in force cover, on all partitions with a copy.

        Raises Fenced, RolledBack, StateUnavailable, LogUnavailable.
        """
        if owned.catching_up:
            return
        due = self._due(owned, results)
        nameless = self._nameless(owned, [offset for offset in due if owned.view.pending[offset].receipt])
        self._send(owned, {offset: version for offset, version in due.items() if offset not in nameless})
        while self._settle(owned):
            continue
        nameless -= self._let_go(owned, nameless)
        if nameless:
            raise LogUnavailable(f"the deletions at {owned.partition}/{sorted(nameless)} can't be read again")

    def _nameless(self, owned: ClaimedPartition, offsets: list[int]) -> set[int]:
        """Read again who is to be answered, of deletions that an earlier owner applied. Returns those that failed."""
        lacking = {offset for offset in offsets if offset not in owned.addressees}
        for offset, record in records_at(self._log, self._settings.events_topic, owned.partition, lacking).items():
            event = self._parser.taken(record)
            if isinstance(event, Delete):
                owned.addressees[offset] = addressee_of(self._settings, event.event_id, record)
        return lacking - owned.addressees.keys()

    def _let_go(self, owned: ClaimedPartition, nameless: set[int]) -> set[int]:
        """Give up deletions whose records the log has lost or can't decode: nobody knows whom to answer. Returns them.

        A dead letter tells operators instead.
        """
        place = self._log, self._settings.events_topic, owned.partition
        gone = lost_at(*place, nameless)
        lost = gone | unreadable_at(*place, nameless - gone)
        change, now = Change(), self._clock.wall_ms()
        for offset in islice(lost, AT_ONCE):
            letter = Letter(GONE if offset in gone else SPOILT)
            mark_unresolved(owned.view, change, offset, letter, Wait(now, now), nameless=True)
        if change.tables:
            owned.commit(change)
            owned.counters["retention_lost"] += len(change.tables["unresolved"])
        return lost

    def _due(self, owned: ClaimedPartition, results: Results) -> dict[int, int]:
        """The pending deletions that are hidden now, each with the version since when, but those that still wait for
        something that was sent."""
        waiting, pending = owned.kept(WaitingDeletions), owned.view.pending
        waiting.add(reversed(pending))
        waiting.wake(lambda partition: self._hides(owned, partition, results)[0])
        due: dict[int, int] = {}
        for offset in waiting.looked_at():
            if offset not in pending:
                waiting.done(offset)
            elif offset not in owned.receipts and offset not in owned.view.outbox:
                version = self._hidden_by(owned, offset, results)
                if version is not None:
                    due[offset] = version
        return due

    def _hidden_by(self, owned: ClaimedPartition, offset: int, results: Results) -> int | None:
        """The version since which all partitions that count the deletion hide it; None if one doesn't yet."""
        version = -1
        for partition, place in self._places(owned, offset):
            applied, shown_by = self._hides(owned, partition, results)
            if applied <= place:
                owned.kept(WaitingDeletions).put_behind(partition, place, offset)
                return None
            version = max(version, shown_by)
        return version

    def _places(self, owned: ClaimedPartition, offset: int) -> Iterator[tuple[int, int]]:
        """(partition, offset) of the deletion and its copies, wherever a model is published."""
        if owned.partition < self._settings.partitions:
            yield owned.partition, offset
        for partition, copy in (owned.view.pending[offset].copies or {}).items():
            yield int(partition), copy

    def _hides(self, owned: ClaimedPartition, partition: int, results: Results) -> tuple[int, int]:
        """(how far the partition's manifest in force has applied, its version); of our own the one that is out."""
        if partition == owned.partition:
            return (-1, -1) if owned.manifest is None else (owned.manifest.applied, owned.manifest_offset)
        held = results.of(partition)
        return (-1, -1) if held.named is None else (held.named.applied, held.offset)

    def _send(self, owned: ClaimedPartition, due: Mapping[int, int]) -> None:
        """Send the receipts that are owed for deletions hidden since these versions, most of them together."""
        alone = owned.kept(_Refusals).alone
        together: list[int] = []
        for offset in due:
            if not owned.view.pending[offset].receipt:
                owned.receipts[offset] = Sent([offset], {})
            elif offset in alone:
                self._start(owned, [offset], due)
            else:
                together.append(offset)
        for at in range(0, len(together), AT_ONCE):
            self._start(owned, together[at : at + AT_ONCE], due)

    def _start(self, owned: ClaimedPartition, offsets: list[int], due: Mapping[int, int]) -> None:
        messages = [receipt_to(owned.addressees[offset], "hidden", due[offset]) for offset in offsets]
        sent = Sent(offsets, {_NAME: self._producer.send_batch(self._settings.receipts_topic, 0, messages)})
        owned.receipts.update(dict.fromkeys(offsets, sent))

    def _settle(self, owned: ClaimedPartition) -> bool:
        """Close some of the deletions whose receipts have ended. Returns whether there were any."""
        change, refused = Change(), owned.kept(_Refusals)
        found = ended(owned.receipts, AT_ONCE)
        for sent in found:
            errors = sent.errors()
            if any(map(refuses, errors.values())) and len(sent.offsets) > 1:
                refused.alone.update(sent.offsets)
            for offset in sent.offsets:
                del owned.receipts[offset]
                if not errors:
                    change.drop("pending", offset)
                    owned.addressees.pop(offset, None)
                    refused.forget(offset)
        if change.tables:
            owned.counters["hidden"] += len(change.tables["pending"])
            owned.commit(change)
        return bool(found)
