"""Step 11 of the loop: the sender of a deletion is told `hidden` once no version in force holds the rows any more.

Since when, and how many rows it killed, is written into Redis before it is told, so that it is told the same again
after a crash. Where that count comes later, such as from a subject's clean-up, the deletion moves from the table
`pending` to `uncounted`, and `hidden` is sent once more in the end, with the count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import LogUnavailable
from unlearn.events.event import Request
from unlearn.events.parsing import Parser
from unlearn.forwarding.dues import Letter
from unlearn.forwarding.given_up import Wait, mark_unresolved
from unlearn.forwarding.reread import GONE, SPOILT, lost_at, records_at, unreadable_at
from unlearn.log.protocol import Log, Producer
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.receipts.answers import Answers, addressee_of
from unlearn.partition.receipts.pending import Pending
from unlearn.partition.receipts.sent import Refusals, Sent, ended, refuses
from unlearn.partition.tables import AT_ONCE, Change
from unlearn.publishing.copy_counts import CopyCounts
from unlearn.publishing.waiting_deletions import WaitingDeletions
from unlearn.results.results_topic import Results
from unlearn.settings import Settings

__all__ = ["Receipts"]

_NAME = "hidden"
_ASK_EVERY = 0.5
"""Seconds between two looks for counts that other partitions, whose Redis was set back, didn't have yet."""


@dataclass(slots=True)
class _Refusals(Refusals):
    """Those of `hidden` receipts."""

    uncounted: set[int] = field(default_factory=set)
    """Those of the receipts under way that lack a count which comes later."""
    look_at: float = float("-inf")
    """When to ask other partitions again for counts that they didn't have (monotonic seconds)."""


class Receipts:
    """Sends the `hidden` receipts of pending deletions, and gives up those whose senders can't be known any more."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        producer: Producer,
        parser: Parser,
        answers: Answers,
        counts: CopyCounts,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self._settings = settings
        self._answers = answers
        self._counts = counts
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
        self._mark(owned, due)
        self._count(owned)
        offsets = [*due, *(offset for offset in owned.view.late_counts.counted if offset not in owned.receipts)]
        nameless = self._nameless(owned, [offset for offset in offsets if _held(owned, offset).receipt])
        self._send(owned, [offset for offset in offsets if offset not in nameless])
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
            if isinstance(event, Request):
                owned.addressees[offset] = addressee_of(self._settings, event, record)
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
            if offset in owned.view.uncounted:
                # It was told `hidden` before; only the count is left to tell, and nobody to tell it to.
                change.drop("uncounted", offset)
                continue
            letter = Letter(GONE if offset in gone else SPOILT)
            mark_unresolved(owned.view, change, offset, letter, Wait(now, now), nameless=True)
        if change.tables:
            owned.commit(change)
            owned.counters["retention_lost"] += len(change.tables.get("unresolved", ()))
            owned.counters["counts_untold"] += len(change.tables.get("uncounted", ()))
        return lost

    def _mark(self, owned: ClaimedPartition, due: Mapping[int, int]) -> None:
        """Write down since when deletions are hidden, before anybody is told, and what their copies have killed."""
        pending, now = owned.view.pending, self._clock.wall_ms()
        fresh = [offset for offset in due if pending[offset].receipt and pending[offset].version is None]
        for at in range(0, len(fresh), AT_ONCE):
            held = {offset: pending[offset] for offset in fresh[at : at + AT_ONCE]}
            held |= self._counts.of(owned.partition, held)
            change = Change()
            for offset, one in held.items():
                # Clocks of two owners may differ.
                seen = max(now, one.accepted or now)
                change.put("pending", offset, one._replace(version=due[offset], hidden_at=seen))
            owned.commit(change)
            owned.hidden_after.extend(max(0, now - one.since) / 1000 for one in held.values() if not one.lifts)

    def _count(self, owned: ClaimedPartition) -> None:
        """Look again for the counts that other partitions didn't have yet."""
        waiting, now = dict(islice(owned.view.late_counts.copied.items(), AT_ONCE)), self._clock.monotonic()
        if not waiting or now < owned.kept(_Refusals).look_at:
            return
        owned.kept(_Refusals).look_at = now + _ASK_EVERY
        change = Change()
        for offset, held in self._counts.of(owned.partition, waiting).items():
            change.put("uncounted", offset, held)
        if change.tables:
            owned.counters["copies_counted_later"] += len(change.tables["uncounted"])
            owned.commit(change)

    def _due(self, owned: ClaimedPartition, results: Results) -> dict[int, int]:
        """The pending deletions that are hidden now, each with the version since when, but those that still wait for
        something that was sent."""
        waiting, pending = owned.kept(WaitingDeletions), owned.view.pending
        # Many wait for the same partitions, and none comes further while they are looked at.
        hides = cache(lambda partition: self._hides(owned, partition, results))
        waiting.add(reversed(pending))
        waiting.wake(lambda partition: hides(partition)[0])
        due: dict[int, int] = {}
        for offset in waiting.looked_at():
            if offset not in pending:
                waiting.done(offset)
            elif offset not in owned.receipts and offset not in owned.view.outbox:
                version = pending[offset].version
                if version is None:
                    version = self._hidden_by(owned, offset, hides)
                if version is not None:
                    due[offset] = version
        return due

    def _hidden_by(self, owned: ClaimedPartition, offset: int, hides: Callable[[int], tuple[int, int]]) -> int | None:
        """The version since which all partitions that count the deletion hide it; None if one doesn't yet."""
        version = -1
        for partition, place in self._places(owned, offset):
            applied, shown_by = hides(partition)
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

    def _send(self, owned: ClaimedPartition, due: Sequence[int]) -> None:
        """Send the receipts that are owed for these deletions, most of them together."""
        alone = owned.kept(_Refusals).alone
        together: list[int] = []
        for offset in due:
            if not _held(owned, offset).receipt:
                owned.receipts[offset] = Sent([offset], {})
            elif offset in alone:
                self._start(owned, [offset])
            else:
                together.append(offset)
        for at in range(0, len(together), AT_ONCE):
            self._start(owned, together[at : at + AT_ONCE])

    def _start(self, owned: ClaimedPartition, offsets: list[int]) -> None:
        held = {offset: _held(owned, offset) for offset in offsets}
        owned.kept(_Refusals).uncounted |= {offset for offset, one in held.items() if one.awaits_count}
        messages = [self._answers.last(owned.addressees[offset], one) for offset, one in held.items()]
        sent = Sent(offsets, {_NAME: self._producer.send_batch(self._settings.receipts_topic, 0, messages)})
        owned.receipts.update(dict.fromkeys(offsets, sent))

    def _settle(self, owned: ClaimedPartition) -> bool:
        """Close some of the deletions whose receipts have ended. Returns whether there were any."""
        change, refused, told = Change(), owned.kept(_Refusals), dict[int, Pending]()
        found = ended(owned.receipts, AT_ONCE)
        for sent in found:
            errors = sent.errors()
            if any(map(refuses, errors.values())) and len(sent.offsets) > 1:
                refused.alone.update(sent.offsets)
            for offset in sent.offsets:
                del owned.receipts[offset]
                lacks = offset in refused.uncounted
                refused.uncounted.discard(offset)
                if not errors:
                    refused.forget(offset)
                    if not lacks:
                        told[offset] = _held(owned, offset)
                    self._close(owned, change, offset, lacks=lacks)
        if change.tables:
            owned.counters["hidden"] += len(change.tables.get("pending", ()))
            change.ops += self._counts.removals(owned.partition, told)
            owned.commit(change)
        return bool(found)

    @staticmethod
    def _close(owned: ClaimedPartition, change: Change, offset: int, *, lacks: bool) -> None:
        """Note that a deletion's receipt is out; it `lacks` its count, or is the last one."""
        if lacks:
            owned.counters["counted_later"] += 1
            change.put("uncounted", offset, owned.view.pending[offset])
        else:
            owned.addressees.pop(offset, None)
        if offset in owned.view.pending:
            change.drop("pending", offset)
        elif not lacks:
            change.drop("uncounted", offset)


def _held(owned: ClaimedPartition, offset: int) -> Pending:
    """The deletion at the offset, whether it is still pending or only uncounted."""
    held = owned.view.pending.get(offset)
    return owned.view.uncounted[offset] if held is None else held
