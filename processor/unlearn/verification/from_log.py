"""Compares published manifests with the reference, which knows the events topic and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from unlearn.errors import LogUnavailable, LogUnreadable, Refused
from unlearn.forwarding.reread import read_but
from unlearn.identity import identity_hash, identity_of
from unlearn.learners import learner_of
from unlearn.log.protocol import Log, Record
from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.results.results_topic import Results, read_results
from unlearn.scoring.trust import contradiction, unlisted
from unlearn.settings import Settings
from unlearn.verification.reference import Model, Replay, replay
from unlearn.verification.report import Finding, Progress, Report, ShardVerdict, different, for_all, verdict_of

__all__ = ["Subject", "bounds_of", "judge", "replay_log", "subject_of", "verify_log"]

_PROGRESS_EVERY = 1000


@dataclass(frozen=True)
class Subject:
    """The model to verify.

    `identity` and `profile` are what its manifests must bear; `starts` are the offsets at which the model was
    made, by partition, 0 where none is given.
    """

    name: str
    events_topic: str
    results_topic: str
    model: Model
    identity: str
    profile: str = ""
    starts: Mapping[int, int] = field(default_factory=dict)

    def start(self, partition: int) -> int:
        """The offset at which the model was made in this partition."""
        return self.starts.get(partition, 0)


def subject_of(settings: Settings) -> Subject:
    """The model that the settings name. Raises SettingsError."""
    learner = learner_of(settings)
    model = Model(
        settings.partitions,
        settings.shards_per_partition,
        settings.slice_span,
        settings.subjects,
        settings.secret_bytes,
        learner,
    )
    identity = identity_hash(identity_of(settings, learner))
    return Subject(settings.model, settings.events_topic, settings.results_topic, model, identity)


def verify_log(log: Log, subject: Subject, progress: Progress | None = None, timeout: float = 60.0) -> Report:
    """A verdict on every shard: its newest published state against the fold of the whole log.

    To be covered is what the log held when the call was made. `timeout`: seconds for reading the results topic.
    Raises Refused where the events topic has fewer partitions than the model, LogUnavailable, TopicMissing.
    """
    bounds = bounds_of(log, subject.events_topic, subject.model.partitions)
    results = results_of(log, subject.results_topic, subject.name, subject.model.partitions, timeout)
    shards: list[ShardVerdict] = []
    for partition in range(subject.model.partitions):
        manifest = results.of(partition).manifest
        shards += _verify_partition(log, subject, partition, manifest, bounds[partition][1], progress)
    return Report(tuple(shards), results.version)


def bounds_of(log: Log, topic: str, partitions: int) -> Mapping[int, tuple[int, int]]:
    """The topic's (start, end) by partition. Raises Refused where the model has more partitions."""
    bounds = log.bounds(topic)
    if len(bounds) < partitions:
        raise Refused(
            f"{topic} has {len(bounds)} partitions, the model {partitions}: "
            "set UNLEARN_PARTITIONS and the topic's name to those of the model"
        )
    return bounds


def results_of(log: Log, topic: str, model: str, partitions: int, timeout: float) -> Results:
    """The results topic read to its end. Raises LogUnavailable, TopicMissing."""
    results = read_results(log, topic, model, partitions, timeout)
    if results is None:
        raise LogUnavailable(f"{topic} could not be read to its end in {timeout:g} s")
    return results


def replay_log(
    log: Log,
    subject: Subject,
    partition: int,
    stop: int,
    progress: Progress | None = None,
    manifest: Manifest | None = None,
) -> Replay:
    """The reference's replay of one partition, from the model's start up to `stop`.

    Runs that `manifest` says were stepped over are left out. At other records that can't be decoded the replay ends,
    if they lie beyond what the manifest has applied; else it raises LogUnreadable.
    """
    start = subject.start(partition)
    skipped, applied = (manifest.skipped, manifest.applied) if manifest else ((), stop)
    records = _up_to_unreadable(read_but(log, subject.events_topic, partition, start, stop, skipped), applied)
    return replay(subject.model, partition, _watched(records, partition, stop, progress))


def judge(subject: Subject, found: Replay, manifest: Manifest, end: int) -> list[ShardVerdict]:
    """The verdicts on one manifest, by a replay that reaches its `applied`; `end` is how far it should have applied.

    Not only the newest manifest can be judged so, but any that was ever published.
    """
    finding = _incomparable(subject, manifest) or different(unlisted(manifest, subject.model.shards))
    if finding:
        return for_all(manifest, subject.model.shards, finding)
    verdicts = []
    for entry in sorted(manifest.shards, key=lambda entry: entry.shard):
        finding = (
            different(contradiction(manifest, entry))
            or _difference(subject, found, manifest, entry)
            or _uncovered(found, manifest, entry, end)
            or ("equal", "")
        )
        verdicts.append(verdict_of(manifest, entry, finding))
    return verdicts


def _verify_partition(
    log: Log, subject: Subject, partition: int, manifest: Manifest | None, end: int, progress: Progress | None
) -> list[ShardVerdict]:
    if manifest is None:
        reason = "the partition has no manifest yet"
        return [ShardVerdict(partition, shard, "pending", reason) for shard in range(subject.model.shards)]
    finding = _incomparable(subject, manifest) or _log_lacks(log, subject, manifest)
    if finding:
        return for_all(manifest, subject.model.shards, finding)
    try:
        found = replay_log(log, subject, partition, max(end, manifest.applied), progress, manifest)
    except LogUnreadable as error:
        return for_all(manifest, subject.model.shards, ("incomparable", str(error)))
    # Asked again: retention may have taken what was still there before.
    finding = _log_lacks(log, subject, manifest)
    return for_all(manifest, subject.model.shards, finding) if finding else judge(subject, found, manifest, end)


def _incomparable(subject: Subject, manifest: Manifest) -> Finding | None:
    learner = subject.model.learner
    if manifest.identity != subject.identity or manifest.learner != learner.id:
        return "incomparable", "the manifest is of a model with other settings"
    if not learner.exact_everywhere and manifest.profile != subject.profile:
        return "incomparable", "trained under another numeric profile than this machine's"
    return None


def _log_lacks(log: Log, subject: Subject, manifest: Manifest) -> Finding | None:
    start, end = log.bounds(subject.events_topic)[manifest.partition]
    made = subject.start(manifest.partition)
    if start > made:
        return "incomparable", f"the log starts at {start}, the model at {made}"
    if end < manifest.applied:
        return "incomparable", f"the log ends at {end}, the manifest has applied up to {manifest.applied}"
    return None


def _difference(subject: Subject, found: Replay, manifest: Manifest, entry: ShardEntry) -> Finding | None:
    if not (entry.through == subject.start(manifest.partition) or found.is_end(entry.through)):
        return "different", f"no slice ends at {entry.through}"
    must = found.state(entry.shard, entry.through, manifest.applied)
    differ = [name for name in ("rows", "lineage", "digest") if getattr(entry, name) != getattr(must, name)]
    return ("different", f"other {', '.join(differ)}; must be {must.rows} rows") if differ else None


def _uncovered(found: Replay, manifest: Manifest, entry: ShardEntry, end: int) -> Finding | None:
    """The finding "pending", if an equal state doesn't cover all that it could by now; else None."""
    if manifest.applied < end:
        return "pending", f"applied up to {manifest.applied}, the log goes up to {end}"
    if entry.status in ("withdrawn", "left-out", "behind"):
        return "pending", entry.status
    last = found.last_end(manifest.applied)
    return ("pending", f"{entry.status}: through {entry.through} of {last}") if entry.through < last else None


def _up_to_unreadable(records: Iterable[Record], applied: int) -> Iterator[Record]:
    try:
        yield from records
    except LogUnreadable as error:
        if error.offset < applied:
            raise


def _watched(records: Iterable[Record], partition: int, stop: int, progress: Progress | None) -> Iterator[Record]:
    what = f"partition {partition}"
    for record in records:
        if progress and record.offset % _PROGRESS_EVERY == 0:
            progress(what, record.offset, stop)
        yield record
    if progress:
        progress(what, stop, stop)
