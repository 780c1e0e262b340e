"""How two versions of a model differ: rows, shards, weights, and the scores of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unlearn.admin.versions.counting import LogRows, contradiction, count
from unlearn.admin.versions.loading import load
from unlearn.admin.versions.pinning import Part, at_version, pinned
from unlearn.admin.versions.report import Difference, PartitionDiffers, ScoresDiffer, ShardDiffers, WeightDiffers
from unlearn.admin.versions.source import Source
from unlearn.errors import InputInvalid, Refused, StoreUnavailable, VersionRefused
from unlearn.results.manifest import Manifest
from unlearn.results.versions import Version
from unlearn.storage.artefacts import Store
from unlearn_models.base.aggregate import Aggregated
from unlearn_models.base.learner import Ensemble
from unlearn_models.base.rows import Rows

__all__ = ["Differ"]


@dataclass
class Differ:
    """Compares versions. A version of the whole model is a results offset: each partition's newest version there."""

    source: Source
    store: Store
    notes: Sequence[str] = ()
    _rows: dict[int, tuple[LogRows | str, int]] = field(default_factory=dict)

    def compare(self, first: int, second: int | None, texts: Rows | None, most: int) -> Difference:
        """The difference; `second` None: the newest version. `most`: how many weights are told at most.

        Raises InputInvalid where a version is none, LogUnavailable, TopicMissing.
        """
        numbers = first, self._number(second)
        if numbers[0] > numbers[1]:
            raise InputInvalid(f"version {first} is the later one: give the earlier one first")
        partitions = range(self.source.settings.partitions)
        versions = self.source.versions(partitions)
        found = {p: tuple(at_version(versions[p], number) for number in numbers) for p in partitions}
        told = tuple(self._partition(p, *found[p]) for p in partitions)
        ensembles = self._ensembles(numbers, found)
        if isinstance(ensembles, str):
            weights, scores, reasons = None, None, (ensembles, ensembles)
        else:
            weights = _weights(*ensembles, self.source.learner.classes, most)
            scores = None if texts is None else _scores(*ensembles, texts)
            reasons = "the learner has no weights" if weights is None else "", ""
        return Difference(
            versions=numbers,
            partitions=told,
            weights=weights,
            weights_unknown=reasons[0] or None,
            scores=scores,
            scores_unknown=None if texts is None else reasons[1] or None,
            notes=tuple(self.notes),
        )

    def _number(self, given: int | None) -> int:
        newest = self.source.results.version
        if newest is None:
            raise InputInvalid("the model has no version yet")
        if given is not None and given > newest:
            raise InputInvalid(f"there is no version {given}: the newest is {newest}")
        return newest if given is None else given

    def _partition(self, partition: int, first: Version | str, second: Version | str) -> PartitionDiffers:
        rows, _ = self._by_log(partition)
        unknown = next((each for each in (first, second, rows) if isinstance(each, str)), None)
        counts = None
        if not isinstance(first, str) and not isinstance(second, str) and not isinstance(rows, str):
            unknown = contradiction(rows, first) or contradiction(rows, second)
            counts = None if unknown else count(rows, first, second)
        shards = () if isinstance(first, str) or isinstance(second, str) else _shards(first, second)
        return PartitionDiffers(
            partition=partition,
            versions=(_version(first), _version(second)),
            rows=(_held(first), _held(second)),
            learned=counts and counts.learned,
            forgotten=counts and counts.forgotten,
            replaced=counts and counts.replaced,
            withheld=counts and counts.withheld,
            shards=tuple(one for one in shards if counts is None or one.shard in counts.shards),
            unknown=unknown,
        )

    def _by_log(self, partition: int) -> tuple[LogRows | str, int]:
        """The partition's rows, and where the log ends; or why they aren't known."""
        if partition not in self._rows:
            end = self.source.end(partition)
            try:
                self._rows[partition] = self.source.rows(partition, end), end
            except Refused as error:
                self._rows[partition] = str(error), end
        return self._rows[partition]

    def _ensembles(
        self, numbers: tuple[int, int], found: dict[int, tuple[Version | str, ...]]
    ) -> tuple[Ensemble, Ensemble] | str:
        """Both versions, ready to score; or why they can't be loaded."""
        try:
            chosen = [
                self._pinned(number, {p: each[at] for p, each in found.items()}) for at, number in enumerate(numbers)
            ]
            first, second = (load(self.source, self.store, *one) for one in zip(numbers, chosen, strict=True))
        except (VersionRefused, StoreUnavailable) as error:
            return str(error)
        return first, second

    def _pinned(self, number: int, versions: dict[int, Version | str]) -> dict[int, Manifest]:
        newest = self.source.newest
        lacking = versions.keys() - newest.keys()
        if lacking:
            raise VersionRefused(f"partitions {sorted(lacking)} have no manifest")
        parts = {}
        for partition, version in versions.items():
            manifest = None if isinstance(version, str) else self.source.manifest_at(version.version)
            parts[partition] = Part(version, newest[partition], manifest, *self._by_log(partition))
        return pinned(number, parts)


def _shards(first: Version, second: Version) -> tuple[ShardDiffers, ...]:
    """Those of which the versions say different things."""
    both = sorted(first.shards.keys() & second.shards.keys())
    pairs = ((first.shards[shard], second.shards[shard]) for shard in both)
    return tuple(
        ShardDiffers(shard=a.shard, rows=(a.rows, b.rows), through=(a.through, b.through)) for a, b in pairs if a != b
    )


def _version(version: Version | str) -> int | None:
    return None if isinstance(version, str) else version.version


def _held(version: Version | str) -> int | None:
    return None if isinstance(version, str) else version.rows


def _weights(first: Ensemble, second: Ensemble, classes: Sequence[str], most: int) -> tuple[WeightDiffers, ...] | None:
    """The largest changes of the weights of features that either has seen; None where they have none."""
    if not isinstance(first, Aggregated) or not isinstance(second, Aggregated):
        return None
    before, after = first.aggregate(), second.aggregate()
    features = np.union1d(before.features, after.features).astype(np.int32)
    weights = np.stack([before.at(features), after.at(features)])
    sizes = np.abs(weights[1] - weights[0])
    largest = np.argsort(-sizes, axis=None, kind="stable")[:most]
    of = classes[-sizes.shape[1] :]
    places = [divmod(int(at), sizes.shape[1]) for at in largest if sizes.flat[at] > 0]
    return tuple(
        WeightDiffers(
            feature=int(features[row]), of=of[k], weight=(float(weights[0, row, k]), float(weights[1, row, k]))
        )
        for row, k in places
    )


def _scores(first: Ensemble, second: Ensemble, texts: Rows) -> ScoresDiffer:
    before, after = first.scores(texts), second.scores(texts)
    apart = np.abs(after - before).max(axis=1)
    at = int(apart.argmax()) if len(apart) else None
    same = int(np.count_nonzero(before.argmax(axis=1) == after.argmax(axis=1)))
    return ScoresDiffer(
        texts=len(apart),
        same_label=same,
        largest=0.0 if at is None else float(apart[at]),
        at=None if at is None else at + 1,
    )
