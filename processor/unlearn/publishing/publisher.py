"""Steps 10-12 of the loop: manifests through the gate to the topic, then receipts, then heartbeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import islice

from unlearn.errors import LogUnavailable
from unlearn.events.event import Delete
from unlearn.events.parsing import Parser
from unlearn.ingest.dues import Letter
from unlearn.ingest.fingerprints import fingerprint_of
from unlearn.ingest.given_up import Clock, leave_open
from unlearn.ingest.reread import GONE, SPOILT, lost_at, records_at, unreadable_at
from unlearn.log.protocol import Log, Producer
from unlearn.partition.answers import addressee_of, receipt_to
from unlearn.partition.claimed import Owned, Publishing
from unlearn.partition.skipped import runs_of
from unlearn.partition.tables import Change, Pending, View
from unlearn.publishing.compose import Timing, Urgency, clean_at, due, entries
from unlearn.results.manifest import Heartbeat, Manifest, ShardEntry, TokenField, heartbeat_key, manifest_key
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.state.scripts import DirtyShard
from unlearn_models.positive_unlabelled.ensemble import label_frequency

__all__ = ["Publisher"]


_AT_ONCE = 1000
"""Receipts that one script settles, so that none is long."""
_NOTHING_SENT: Future[int] = Future()
_NOTHING_SENT.set_result(-1)


class Publisher:
    """Publishes for owned partitions. One manifest a partition is on its way at a time."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        producer: Producer,
        parser: Parser,
        identity_hash: str,
        learner: tuple[str, str, bool],
        empty_digest: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._log = log
        self._producer = producer
        self._parser = parser
        self._identity = identity_hash
        self._learner, self._profile, self._forgets = learner
        self._empty = empty_digest
        self._prover = Prover(settings.secret_bytes)
        self._clock = clock
        self._urgency = Urgency(settings.withdraw, settings.publish_wait, settings.publish_every, settings.max_stale)

    # -- manifests (steps 10 and 11)

    def turn(self, owned: Owned, recovering: bool) -> None:
        """Raises Fenced, RolledBack, StateUnavailable."""
        if owned.catching_up:
            return
        self._acknowledge(owned)
        if owned.publishing is None:
            shards = entries(owned.view, self._settings.shards_per_partition, self._forgets, self._empty)
            if due(self._timing(owned, shards, recovering), self._urgency):
                self._publish(owned, shards)

    def _timing(self, owned: Owned, shards: tuple[ShardEntry, ...], recovering: bool) -> Timing:
        now, last = self._clock(), owned.manifest
        return Timing(
            since_last=None if last is None else now - owned.published_at,
            unhidden=None if owned.unhidden_since is None else now - owned.unhidden_since,
            recovering=recovering,
            changed=last is None or shards != last.shards,
            advanced=last is None or (owned.view.applied, self._erased(owned)) > (last.applied, last.erased_through),
        )

    def _publish(self, owned: Owned, shards: tuple[ShardEntry, ...]) -> None:
        manifest = self._manifest(owned, shards)
        data = manifest.encode()
        change = Change(ops=[("SET", owned.state.keys.of("register"), data)])
        change.put("meta", "register_dirty", 1)
        need = [(entry.shard, clean_at(owned.view, entry, self._forgets)) for entry in shards]
        try:
            owned.commit(change, need=need)
        except DirtyShard:
            owned.counters["gate_refusals"] += 1
            return
        owned.unhidden_since = None
        self._send(owned, manifest, data)

    def _send(self, owned: Owned, manifest: Manifest, data: bytes) -> None:
        key = manifest_key(self._settings.model, owned.partition)
        future = self._producer.send(self._settings.results_topic, 0, key, data)
        owned.publishing = Publishing(manifest, data, future)

    @staticmethod
    def _erased(owned: Owned) -> int:
        return min(owned.erased_through, owned.view.applied)

    def _manifest(self, owned: Owned, shards: tuple[ShardEntry, ...]) -> Manifest:
        manifest = Manifest(
            model=self._settings.model,
            identity=self._identity,
            partition=owned.partition,
            token=TokenField(counter=owned.token.counter, nonce=owned.token.nonce),
            sequence=owned.next_sequence(),
            applied=owned.view.applied,
            erased_through=self._erased(owned),
            start=owned.view.number("start"),
            created_at=round(time.time() * 1000),
            learner=self._learner,
            profile=self._profile,
            shards=shards,
            skipped=runs_of(owned.view.meta),
            c=label_frequency([entry.summary for entry in shards if entry.summary]),
            fingerprint=fingerprint_of(owned.view),
        )
        return self._prover.proven(manifest)

    def _acknowledge(self, owned: Owned) -> None:
        sent = owned.publishing
        if sent is None or not sent.future.done():
            return
        if sent.future.exception() is not None:
            # Unknown whether it was written; the same bytes again do no harm.
            owned.counters["resent"] += 1
            self._send(owned, sent.manifest, sent.data)
            return
        change = Change()
        change.put("meta", "register_dirty", 0)
        change.put("meta", "published_applied", sent.manifest.applied)
        change.put("meta", "proven", 1)
        owned.commit(change)
        owned.publishing, owned.manifest = None, sent.manifest
        owned.manifest_offset, owned.published_at = sent.future.result(), self._clock()
        owned.counters["manifests"] += 1
        owned.counters["withdrawals"] += any(e.status in ("withdrawn", "left-out") for e in sent.manifest.shards)
        self._beat(owned)

    # -- receipts

    def send_receipts(self, owned: Owned, results: Results) -> None:
        """Send `hidden` for every deletion that no version in force holds. Raises as `turn` does."""
        if owned.catching_up:
            return
        due: dict[int, int] = {}
        for offset, pending in owned.view.pending.items():
            if owned.manifest is not None and offset >= owned.manifest.applied:
                continue
            if offset not in owned.receipts and offset not in owned.view.outbox:
                version = self._hidden_by(owned, offset, pending, results)
                if version is not None:
                    due[offset] = version
        nameless = self._nameless(owned, [offset for offset in due if owned.view.pending[offset].receipt])
        for offset in due.keys() - nameless:
            to_send = owned.view.pending[offset].receipt
            owned.receipts[offset] = self._receipt(owned, offset, due[offset]) if to_send else _NOTHING_SENT
        self._settle_receipts(owned)
        nameless -= self._let_go(owned, nameless)
        if nameless:
            raise LogUnavailable(f"the deletions at {owned.partition}/{sorted(nameless)} can't be read again")

    def _nameless(self, owned: Owned, offsets: list[int]) -> set[int]:
        """Looks up whom to answer of deletions that another owner applied. Returns where nobody is to be found."""
        lacking = {offset for offset in offsets if offset not in owned.addressees}
        for offset, record in records_at(self._log, self._settings.events_topic, owned.partition, lacking).items():
            event = self._parser.taken(record.value)
            if isinstance(event, Delete):
                owned.addressees[offset] = addressee_of(self._settings, event.event_id, record)
        return lacking - owned.addressees.keys()

    def _let_go(self, owned: Owned, nameless: set[int]) -> set[int]:
        """Nobody is ever told of those that retention took, or that can't be decoded any more; ops are."""
        place = self._log, self._settings.events_topic, owned.partition
        gone = lost_at(*place, nameless)
        lost = gone | unreadable_at(*place, nameless - gone)
        change, now = Change(), round(time.time() * 1000)
        for offset in islice(lost, _AT_ONCE):
            letter = Letter(GONE if offset in gone else SPOILT)
            leave_open(owned.view, change, offset, letter, Clock(now, now), nameless=True)
        if change.tables:
            owned.commit(change)
            owned.counters["retention_lost"] += len(change.tables["unresolved"])
        return lost

    def _hidden_by(self, owned: Owned, offset: int, pending: Pending, results: Results) -> int | None:
        """The version that hides the deletion in every partition; None if there is none yet."""
        versions: list[int] = []
        if owned.partition < self._settings.partitions:
            if owned.manifest is None or owned.manifest.applied <= offset:
                return None
            versions.append(owned.manifest_offset)
        for partition, copy in (pending.copies or {}).items():
            held = results.of(int(partition))
            if held.named is None or held.named.applied <= copy:
                return None
            versions.append(held.offset)
        return max(versions)

    def _receipt(self, owned: Owned, offset: int, version: int) -> Future[int]:
        return self._producer.send(
            self._settings.receipts_topic, 0, *receipt_to(owned.addressees[offset], "hidden", version)
        )

    def _settle_receipts(self, owned: Owned) -> None:
        change = Change()
        for offset, future in list(islice(owned.receipts.items(), _AT_ONCE)):
            if future.done():
                del owned.receipts[offset]
                if future.exception() is None:
                    change.drop("pending", offset)
                    owned.addressees.pop(offset, None)
        if change.tables:
            owned.counters["hidden"] += len(change.tables["pending"])
            owned.commit(change)

    # -- heartbeats (step 12)

    def heartbeat(self, owned: Owned) -> None:
        """Name the manifest in force, if it is time and the token is still ours."""
        if owned.manifest is not None and self._clock() - owned.heartbeat_at >= self._settings.heartbeat_every:
            owned.read([("EXISTS", owned.state.keys.meta)])
            self._beat(owned)

    def _beat(self, owned: Owned) -> None:
        if owned.manifest is None or any(self._late(owned.view)):
            return
        owned.heartbeat_at = self._clock()
        manifest = owned.manifest
        beat = Heartbeat(counter=manifest.token.counter, nonce=manifest.token.nonce, sequence=manifest.sequence)
        key = heartbeat_key(self._settings.model, owned.partition)
        self._producer.send(self._settings.results_topic, 0, key, beat.encode())

    def _late(self, view: View) -> Iterator[bool]:
        now = time.time() * 1000
        return (pending.deadline < now for pending in view.pending.values())
