"""How two versions of a model differ: rows, shards, weights, and the scores of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unlearn.admin.versions.counting import contradiction, count
from unlearn.admin.versions.pinner import Pinner
from unlearn.admin.versions.report import Difference, PartitionDiffers, ScoresDiffer, ShardDiffers, WeightDiffers
from unlearn.admin.versions.source import Source
from unlearn.errors import InputInvalid, StoreUnavailable, VersionRefused
from unlearn.results.versions import Version
from unlearn.scoring.serving import Served
from unlearn.storage.artefacts import Store
from unlearn_models.base.aggregate import Aggregated
from unlearn_models.base.rows import Rows

__all__ = ["Differ"]


class Differ:
    """Compares versions. A version of the whole model is a results offset: each partition's newest version there."""

    def __init__(self, source: Source, store: Store) -> None:
        self._source = source
        self._pinner = Pinner(source, store)

    def compare(
        self, first: int, second: int | None, texts: Rows | None, most: int, notes: Sequence[str] = ()
    ) -> Difference:
        """The difference; `second` None: the newest version.

        `most`: how many weights are told at most. `notes`: to which reading adds what isn't known. Raises InputInvalid
        where a version is none, LogUnavailable, TopicMissing.
        """
        newest = self._source.results.version
        numbers = first, (newest or 0) if second is None else second
        for number in numbers:
            self._pinner.check(number)
        if numbers[0] > numbers[1]:
            raise InputInvalid(f"version {numbers[0]} is the later one: give the earlier one first")
        before, after = self._pinner.found(*numbers)
        told = tuple(self._partition(p, before[p], after[p]) for p in sorted(before))
        weights, scores, unknown = None, None, ""
        try:
            served = self._pinner.served(numbers[0], before), self._pinner.served(numbers[1], after)
        except (VersionRefused, StoreUnavailable) as error:
            unknown = str(error)
        else:
            weights = _weights(*served, most)
            scores = None if texts is None else _scores(*served, texts)
        return Difference(
            versions=numbers,
            partitions=told,
            weights=weights,
            weights_unknown=None if weights is not None else unknown or "what is served is no one linear model",
            scores=scores,
            scores_unknown=None if texts is None else unknown or None,
            notes=tuple(notes),
        )

    def _partition(self, partition: int, first: Version | str, second: Version | str) -> PartitionDiffers:
        rows = self._pinner.by_log(partition)
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


def _weights(first: Served, second: Served, most: int) -> tuple[WeightDiffers, ...] | None:
    """The largest changes of the weights of features that either has seen; None where they have none."""
    one, other, classes = first.ensemble, second.ensemble, first.learner.classes
    if not isinstance(one, Aggregated) or not isinstance(other, Aggregated):
        return None
    before, after = one.aggregate(), other.aggregate()
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


def _scores(first: Served, second: Served, texts: Rows) -> ScoresDiffer:
    before, after = first.scores(texts).scores, second.scores(texts).scores
    apart = np.abs(after - before).max(axis=1)
    at = int(apart.argmax()) if len(apart) else None
    same = int(np.count_nonzero(before.argmax(axis=1) == after.argmax(axis=1)))
    return ScoresDiffer(
        texts=len(apart),
        same_label=same,
        largest=0.0 if at is None else float(apart[at]),
        at=None if at is None else at + 1,
    )
