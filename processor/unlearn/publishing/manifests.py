"""Steps 10 and 11 of the loop: a manifest passes the gate in Redis, and goes to the results topic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.identity import identity_hash
from unlearn.ingest.fingerprints import fingerprint_of
from unlearn.log.protocol import Producer
from unlearn.partition.claimed_partition import ClaimedPartition, Publishing
from unlearn.partition.skipped import runs_of
from unlearn.partition.tables import Change
from unlearn.publishing.compose import Timing, Urgency, clean_at, due, entries
from unlearn.results.manifest import Manifest, ShardEntry, TokenField, manifest_key
from unlearn.results.proof import Prover
from unlearn.settings import Settings
from unlearn.state.scripts import DirtyShard
from unlearn_models.positive_unlabelled.ensemble import label_frequency

__all__ = ["Manifests"]


@dataclass(slots=True)
class _Published:
    at: float = 0.0
    """When the broker acknowledged the newest manifest (monotonic seconds)."""


class Manifests:
    """Publishes the manifests of owned partitions; of each, one is on its way at a time.

    `learner` is (its id, its numeric profile or "", whether it forgets).
    """

    def __init__(
        self,
        settings: Settings,
        producer: Producer,
        identity: str,
        learner: tuple[str, str, bool],
        empty_digest: str,
        announce: Callable[[ClaimedPartition], None],
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        """`identity` is the model's, as canonical JSON.

        `announce` is called with a partition as soon as the broker has acknowledged its manifest.
        """
        self._settings = settings
        self._producer = producer
        self._made, self._identity = identity, identity_hash(identity)
        self._learner, self._profile, self._forgets = learner
        self._empty = empty_digest
        self._announce = announce
        self._prover = Prover(settings.secret_bytes)
        self._clock = clock
        self._urgency = Urgency(settings.withdraw, settings.publish_wait, settings.publish_every, settings.max_stale)

    def turn(self, owned: ClaimedPartition, recovering: bool) -> None:
        """Take note of an acknowledged manifest, and publish the next if it is due.

        `recovering`: a shard that was hit is being retrained. Raises Fenced, RolledBack, StateUnavailable.
        """
        if owned.catching_up:
            return
        self._acknowledge(owned)
        if owned.publishing is None:
            shards = entries(owned.view, self._settings.shards_per_partition, self._forgets, self._empty)
            if due(self._timing(owned, shards, recovering), self._urgency):
                self._publish(owned, shards)

    def _timing(self, owned: ClaimedPartition, shards: tuple[ShardEntry, ...], recovering: bool) -> Timing:
        now, last = self._clock.monotonic(), owned.manifest
        return Timing(
            since_last=None if last is None else now - owned.kept(_Published).at,
            unhidden=None if owned.unhidden_since is None else now - owned.unhidden_since,
            recovering=recovering,
            changed=last is None or shards != last.shards,
            advanced=last is None or (owned.view.applied, self._erased(owned)) > (last.applied, last.erased_through),
        )

    def _publish(self, owned: ClaimedPartition, shards: tuple[ShardEntry, ...]) -> None:
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

    def _send(self, owned: ClaimedPartition, manifest: Manifest, data: bytes) -> None:
        key = manifest_key(self._settings.model, owned.partition)
        future = self._producer.send(self._settings.results_topic, 0, key, data)
        owned.publishing = Publishing(manifest, data, future)

    @staticmethod
    def _erased(owned: ClaimedPartition) -> int:
        return min(owned.erased_through, owned.view.applied)

    def _manifest(self, owned: ClaimedPartition, shards: tuple[ShardEntry, ...]) -> Manifest:
        manifest = Manifest(
            model=self._settings.model,
            identity=self._identity,
            partition=owned.partition,
            token=TokenField(counter=owned.token.counter, nonce=owned.token.nonce),
            sequence=owned.next_sequence(),
            applied=owned.view.applied,
            erased_through=self._erased(owned),
            start=owned.view.number("start"),
            created_at=self._clock.wall_ms(),
            learner=self._learner,
            profile=self._profile,
            shards=shards,
            skipped=runs_of(owned.view.meta),
            c=label_frequency([entry.summary for entry in shards if entry.summary]),
            fingerprint=fingerprint_of(owned.view),
            made=self._made,
        )
        return self._prover.proven(manifest)

    def _acknowledge(self, owned: ClaimedPartition) -> None:
        sent = owned.publishing
        if sent is None or not sent.future.done():
            return
        if sent.future.exception() is not None:
            # It may have been written; the same bytes again do no harm.
            owned.counters["resent"] += 1
            self._send(owned, sent.manifest, sent.data)
            return
        change = Change()
        change.put("meta", "register_dirty", 0)
        change.put("meta", "published_applied", sent.manifest.applied)
        change.put("meta", "proven", 1)
        owned.commit(change)
        owned.publishing, owned.manifest = None, sent.manifest
        owned.manifest_offset = sent.future.result()
        owned.kept(_Published).at = self._clock.monotonic()
        owned.counters["manifests"] += 1
        owned.counters["withdrawals"] += any(e.status in ("withdrawn", "left-out") for e in sent.manifest.shards)
        self._announce(owned)
