"""Compares published manifests with the reference, which knows the events topic and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.errors import LogUnavailable, LogUnreadable, Refused
from unlearn.log.protocol import Log
from unlearn.results.manifest import Manifest
from unlearn.results.results_topic import Results, read_results
from unlearn.verification.judging import incomparable, judge
from unlearn.verification.report import Finding, Progress, Report, ShardVerdict, for_all
from unlearn.verification.subject import Subject
from unlearn.verification.two_readings import read_truth

__all__ = ["bounds_of", "results_of", "verify_log", "verify_partition"]


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
        shards += verify_partition(log, subject, partition, manifest, bounds[partition][1], progress)
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


def verify_partition(
    log: Log, subject: Subject, partition: int, manifest: Manifest | None, end: int, progress: Progress | None
) -> list[ShardVerdict]:
    """A verdict on each shard of one partition, whose newest manifest this is; to be covered is the log up to `end`.

    Raises LogUnavailable, TopicMissing.
    """
    if manifest is None:
        reason = "the partition has no manifest yet"
        return [ShardVerdict(partition, shard, "pending", reason) for shard in range(subject.model.shards)]
    subject = subject.published_as(manifest.identity)
    finding = incomparable(subject, manifest) or _log_lacks(log, subject, manifest)
    if finding:
        return for_all(manifest, subject.model.shards, finding)
    try:
        truth = read_truth(log, subject, partition, max(end, manifest.applied), progress, manifest)
        verdicts = judge(subject, truth, manifest, end)
    except LogUnreadable as error:
        finding = "incomparable", str(error)
    # Asked again: retention may have taken what was still there before.
    finding = _log_lacks(log, subject, manifest) or finding
    return for_all(manifest, subject.model.shards, finding) if finding else verdicts


def _log_lacks(log: Log, subject: Subject, manifest: Manifest) -> Finding | None:
    start, end = log.bounds(subject.events_topic)[manifest.partition]
    made = subject.start(manifest.partition)
    if start > made:
        return "incomparable", f"the log starts at {start}, the model at {made}"
    if end < manifest.applied:
        return "incomparable", f"the log ends at {end}, the manifest has applied up to {manifest.applied}"
    return None
