"""Loads an earlier version of the whole model, or says why it must not be loaded, or can't be."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.admin.versions.counting import LogRows
from unlearn.admin.versions.pinning import Part, at_version, pinned
from unlearn.admin.versions.source import Source
from unlearn.errors import ArtefactInvalid, InputInvalid, Refused, VersionRefused
from unlearn.results.manifest import Manifest
from unlearn.results.versions import Version
from unlearn.scoring.content import content_of
from unlearn.scoring.loader import Digested, Loader
from unlearn.scoring.serving import Served
from unlearn.scoring.trust import Expected, objection, unsigned
from unlearn.storage.artefacts import Store
from unlearn_models.base.encoding import digest

__all__ = ["Pinner"]


class Pinner:
    """Pins versions: results offsets, each of which means the newest version of every partition there."""

    def __init__(self, source: Source, store: Store) -> None:
        self._source = source
        self._learner = source.learner
        self._loader = Loader(source.learner, store)
        self._rows: dict[int, tuple[LogRows | str, int]] = {}

    def check(self, number: int) -> None:
        """Raises InputInvalid unless the model has had so many versions."""
        newest = self._source.results.version
        if newest is None:
            raise InputInvalid("the model has no version yet")
        if number > newest:
            raise InputInvalid(f"there is no version {number}: the newest is {newest}")

    def found(self, *numbers: int) -> list[dict[int, Version | str]]:
        """Of each number every partition's version, or why it isn't known. Raises LogUnavailable, TopicMissing."""
        partitions = range(self._source.settings.partitions)
        versions = self._source.versions(partitions)
        return [{p: at_version(versions[p], number) for p in partitions} for number in numbers]

    def by_log(self, partition: int) -> LogRows | str:
        """The partition's rows by the log; or why they aren't known. Raises LogUnavailable, TopicMissing."""
        return self._read(partition)[0]

    def served(self, number: int, versions: Mapping[int, Version | str]) -> Served:
        """The version, ready to score.

        Raises VersionRefused where it holds rows that are dead by now, where that isn't known, or where a state is gone
        or isn't trusted; StoreUnavailable, LogUnavailable, TopicMissing.
        """
        newest = self._source.newest
        lacking = sorted(versions.keys() - newest.keys())
        if lacking:
            raise VersionRefused(f"partitions {lacking} have no manifest yet")
        parts = {}
        for partition, version in versions.items():
            manifest = None if isinstance(version, str) else self._source.manifest_at(version.version)
            parts[partition] = Part(version, newest[partition], manifest, *self._read(partition))
        manifests = pinned(number, parts).values()
        states = [state for manifest in manifests for _, state in self._states(number, manifest)]
        return Served(
            self._learner, self._learner.ensemble(states), number, (), content_of(manifests), learned=bool(states)
        )

    def _read(self, partition: int) -> tuple[LogRows | str, int]:
        """The partition's rows, and where the log that gave them ends."""
        if partition not in self._rows:
            end = self._source.end(partition)
            try:
                self._rows[partition] = self._source.rows(partition, end), end
            except Refused as error:
                self._rows[partition] = str(error), end
        return self._rows[partition]

    def _states(self, number: int, manifest: Manifest) -> tuple[Digested, ...]:
        reason = objection(manifest, self._expected(), None)
        try:
            if reason is not None:
                raise ArtefactInvalid(reason)
            return self._loader.states(manifest)
        except ArtefactInvalid as error:
            raise VersionRefused(
                f"version {number} can't be loaded: partition {manifest.partition}: {error}"
            ) from error

    def _expected(self) -> Expected:
        settings, learner = self._source.settings, self._learner
        empty = digest(learner, learner.empty())
        shape = settings.partitions, settings.shards_per_partition
        return Expected([self._source.identity], learner.id, *shape, empty, unsigned)
