"""What is known of a model's versions: read from the results, the history and the events, and from nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import replace

from unlearn.admin.answering.history import History
from unlearn.admin.stamped_tail import StampedTail
from unlearn.errors import IdentityChanged, LogUnavailable, LogUnreadable, Refused
from unlearn.identity import as_published, identity_hash, identity_of
from unlearn.learners import learner_of
from unlearn.log.protocol import Log
from unlearn.results.log_ends import ends_of
from unlearn.results.manifest import Manifest, read_manifest
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Results
from unlearn.results.versions import Version
from unlearn.settings import Settings
from unlearn.verification.reference_rows import Members
from unlearn.verification.report import Progress
from unlearn.verification.subject import subject_of
from unlearn.verification.two_readings import read_truth

__all__ = ["Source"]


class Source:
    """Reads for one model. `note` is called with what isn't known, and why; `clock` gives seconds since 1970.

    `results`: the results topic as it stood when this was made. A heartbeat's time there is the broker's, in seconds
    since 1970. Raises IdentityChanged where the manifests are of a model with other settings, LogUnavailable,
    TopicMissing.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        progress: Progress,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._progress = progress
        self._note = note
        self.clock = clock
        self.results = _read_results(settings, log)
        self.learner = learner_of(settings)
        hashes = {held.manifest.identity for held in self.results.partitions.values() if held.manifest}
        self.settings = as_published(settings, self.learner, hashes)
        self.identity = identity_hash(identity_of(self.settings, self.learner))
        if hashes - {self.identity}:
            raise IdentityChanged(
                "there are manifests of a model made with other settings: its secret, learner, classes, features, "
                "partitions, shards, slices, subjects, mapping and tombstones must be the model's"
            )

    @property
    def newest(self) -> dict[int, Manifest]:
        """The newest manifest of each partition that has one."""
        found = {p: held.manifest for p, held in sorted(self.results.partitions.items())}
        return {p: manifest for p, manifest in found.items() if manifest is not None}

    def versions(self, partitions: Collection[int], since: int | None = None) -> dict[int, list[Version]]:
        """The partitions' versions in order, but those from long before `since` (ms since 1970; None: all).

        Raises LogUnavailable, TopicMissing.
        """
        history = History(self._log, self.settings, self.identity, self._progress, self._note)
        found = history.versions(partitions, since)
        return {partition: self._published(partition, versions) for partition, versions in found.items()}

    def _published(self, partition: int, versions: list[Version]) -> list[Version]:
        """Those up to the newest manifest, as the results topic stood."""
        end = self.results.of(partition).offset
        if versions and versions[-1].version > end:
            self._note(
                f"versions of partition {partition} above {end} are left out: they came meanwhile, or are of a results "
                "topic that was made again"
            )
        return [version for version in versions if version.version <= end]

    def manifest_at(self, version: int) -> Manifest | None:
        """The manifest of a version, if the results topic still has it and this model's owner wrote it."""
        record = next(iter(self._log.read(self.settings.results_topic, 0, version, version + 1)), None)
        found = read_manifest(record.value) if record is not None and record.value is not None else None
        mine = found is not None and found.model == self.settings.model and found.identity == self.identity
        return found if mine and found and Prover(self.settings.secret_bytes).holds(found) else None

    def rows(self, partition: int, stop: int | None = None) -> Members:
        """Every row that the partition's log up to `stop`, or its end, ever gave.

        Raises Refused where the log doesn't hold all of it, or there is no manifest, LogUnavailable, TopicMissing.
        """
        manifest = self.newest.get(partition)
        if manifest is None:
            raise Refused(f"partition {partition} has no manifest yet")
        subject = replace(subject_of(self.settings), starts={partition: manifest.start})
        end = self._held(partition, manifest.start)
        try:
            truth = read_truth(self._log, subject, partition, end if stop is None else stop, self._progress, manifest)
        except LogUnreadable as error:
            raise Refused(f"the log of partition {partition} can't be read: {error}") from error
        # Asked again: retention may have taken what was still there before.
        self._held(partition, manifest.start)
        return truth.members

    def end(self, partition: int) -> int:
        """Where the partition's log ends. Raises LogUnavailable, TopicMissing."""
        return self._log.bounds(self.settings.events_topic)[partition][1]

    def _held(self, partition: int, made: int) -> int:
        start, end = self._log.bounds(self.settings.events_topic)[partition]
        if start > made:
            raise Refused(f"the log of partition {partition} begins at {start}, the model at {made}")
        return end


def _read_results(settings: Settings, log: Log) -> Results:
    with closing(StampedTail(log, settings.results_topic)) as tail:
        results = Results(
            settings.model,
            count=settings.partitions,
            holds=Prover(settings.secret_bytes).holds,
            date=tail.appended_at,
            ends=ends_of(log, settings.events_topic, settings.partitions),
        )
        if not results.follow(tail, settings.kafka.request_timeout):
            raise LogUnavailable(f"{settings.results_topic} can't be read to its end")
    return results
