"""Compares published states with a training from empty over the stored rows, as of each manifest's `applied`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from unlearn.errors import ArtefactInvalid, Refused, StateInvalid, StateMissing, StoreUnavailable
from unlearn.identity import as_made, check_identity, identity_hash, identity_of
from unlearn.log.protocol import Log
from unlearn.partition.jobs import Job, Part
from unlearn.partition.slices.lineage import EMPTY
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.scoring.trust import contradiction, misnamed, unlisted
from unlearn.settings import Settings
from unlearn.state.lookups import parse_holes
from unlearn.state.scripts import PartitionState, kept_identities
from unlearn.storage.artefacts import Store, Stored
from unlearn.storage.state_files import read_state
from unlearn.storage.store_binding import stranger
from unlearn.training.trainer import run
from unlearn.verification.from_log import bounds_of, results_of
from unlearn.verification.report import Finding, Progress, Report, ShardVerdict, different, for_all, verdict_of
from unlearn_models import digest
from unlearn_models.base.learner import Learner

__all__ = ["verify_store"]

_READ_WITHIN = 60.0


def verify_store(
    settings: Settings,
    log: Log,
    state_of: Callable[[int], PartitionState],
    store: Store,
    learner: Learner,
    progress: Progress | None = None,
) -> Report:
    """A verdict on every shard: its newest published digest and lineage against a training from empty.

    Raises Refused where the events topic has fewer partitions than the model or the store is not the model's,
    IdentityChanged, StateMissing, and the Unavailable errors.
    """
    return _Verifier(settings, log, state_of, store, learner).report(progress or (lambda *_: None))


class _Verifier:
    def __init__(
        self,
        settings: Settings,
        log: Log,
        state_of: Callable[[int], PartitionState],
        store: Store,
        learner: Learner,
    ) -> None:
        settings = as_made(settings, kept_identities(state_of, settings.partitions))
        self.settings, self.log, self.state_of = settings, log, state_of
        self.store, self.learner = _ReadOnly(store), learner
        self.identity = identity_of(settings, learner)

    def report(self, progress: Progress) -> Report:
        strange = stranger(self.settings, self.store, self.state_of(0).store())
        if strange:
            raise Refused(f"the store {strange}. Mount it here, or set UNLEARN_STORE__URL to where it is")
        settings = self.settings
        results = results_of(self.log, settings.results_topic, settings.model, settings.partitions, _READ_WITHIN)
        bounds = bounds_of(self.log, self.settings.events_topic, self.settings.partitions)
        verdicts: list[ShardVerdict] = []
        total = self.settings.partitions * self.settings.shards_per_partition
        for partition in range(self.settings.partitions):
            manifest = results.of(partition).manifest
            for verdict in self._partition(partition, manifest, bounds[partition][1]):
                verdicts.append(verdict)
                progress("training every shard from empty", len(verdicts), total)
        return Report(tuple(verdicts), results.version)

    def _partition(self, partition: int, manifest: Manifest | None, end: int) -> Iterator[ShardVerdict]:
        state = self.state_of(partition)
        view = Tables(state.load())
        if manifest is None:
            for shard in range(self.settings.shards_per_partition):
                yield ShardVerdict(partition, shard, "pending", "the partition has no manifest yet")
            return
        if not view.meta:
            raise StateMissing(
                f"Redis holds nothing of partition {partition}, which has published: "
                "restore it, or start a worker with --rebuild"
            )
        check_identity(view.meta["identity"], self.identity, self.settings.events_topic)
        shards = self.settings.shards_per_partition
        finding = self._incomparable(manifest) or different(unlisted(manifest, shards))
        if finding:
            yield from for_all(manifest, shards, finding)
            return
        for entry in manifest.shards:
            yield verdict_of(manifest, entry, self._judge(state, view, manifest, entry, end))

    def _incomparable(self, manifest: Manifest) -> Finding | None:
        if manifest.identity != identity_hash(self.identity):
            return "incomparable", "the manifest is of a model with other settings"
        return None

    def _judge(self, state: PartitionState, view: Tables, manifest: Manifest, entry: ShardEntry, end: int) -> Finding:
        finding = different(contradiction(manifest, entry) or misnamed(manifest, entry))
        if finding:
            return finding
        if view.applied < manifest.applied:
            return "pending", f"Redis stands at {view.applied}, before the manifest's {manifest.applied}"
        try:
            ours = self._train(state, view, manifest.applied, entry)
        except (StoreUnavailable, ArtefactInvalid) as error:
            return "incomparable", f"a slice can't be read, so there is no telling: {error}"
        if ours != (entry.digest, entry.lineage, entry.rows):
            return "different", "a training from empty gives other bytes"
        return self._unread(entry) or _uncovered(view, manifest, entry, end)

    def _unread(self, entry: ShardEntry) -> Finding | None:
        """The finding why no scorer could take this shard's published file; None if one can."""
        try:
            if entry.file:
                read_state(self.store, entry.file, entry.digest, entry.size)
        except StateInvalid as error:
            return "different", f"scorers that start now refuse it: {error}"
        except StoreUnavailable as error:
            return "incomparable", str(error)
        return None

    def _train(self, state: PartitionState, view: Tables, applied: int, entry: ShardEntry) -> tuple[str, str, int]:
        """(digest, lineage, rows) of the fold from empty up to the entry's `through`."""
        ends = [end for end, held in view.of_shard(entry.shard).after() if end <= entry.through and held.file]
        holes = state.holes(entry.shard, [view.start_of(end - 1) for end in ends])
        parts = tuple(
            Part(end, view.slices[entry.shard, end].file or "", parse_holes(reply), 0)
            for end, reply in zip(ends, holes, strict=True)
        )
        covers = view.open_cleanups.deaths(entry.shard)
        if not parts:
            return digest(self.learner, self.learner.empty()), EMPTY, 0
        job = Job(0, entry.shard, applied, None, parts, (), covers, frozenset(), 0, "verify")
        built = run(job, self.learner, self.store).built[-1].state
        return built.digest, built.lineage, built.rows


def _uncovered(view: Tables, manifest: Manifest, entry: ShardEntry, end: int) -> Finding:
    if manifest.applied < end:
        return "pending", f"the manifest covers {manifest.applied} of {end} offsets"
    if entry.through < view.last_end:
        return "pending", f"{entry.status}: through {entry.through} of {view.last_end}"
    return "equal", ""


class _ReadOnly:
    """The store for reading; what a training would write to it is dropped."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self) -> None:
        """Nothing is written."""

    def marker(self) -> bytes | None:
        return self._store.marker()

    def mark(self, data: bytes) -> bytes:
        return self._store.marker() or b""

    def get(self, name: str, size: int | None = None) -> bytes:
        return self._store.get(name, size)

    def put(self, name: str, data: bytes) -> None:
        pass

    def names(self, prefix: str) -> Iterator[Stored]:
        return self._store.names(prefix)

    def delete(self, *names: str) -> None:
        pass
