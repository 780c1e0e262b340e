"""Loads the states of given manifests for scoring, by the rules of trust that scorers go by."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.admin.versions.source import Source
from unlearn.errors import ArtefactInvalid, StoreUnavailable, VersionRefused
from unlearn.results.manifest import Manifest
from unlearn.scoring.loader import Loader
from unlearn.scoring.trust import Expected, objection, unsigned
from unlearn.storage.artefacts import Store
from unlearn_models.base.encoding import digest
from unlearn_models.base.learner import Ensemble, Learner

__all__ = ["load"]


def load(source: Source, store: Store, number: int, manifests: Mapping[int, Manifest]) -> Ensemble:
    """The ensemble of the version `number`, of one manifest a partition.

    Raises VersionRefused where a state is gone or isn't what it should be, or a manifest isn't trusted;
    StoreUnavailable where the store can't be read.
    """
    expected, loader = _expected(source, source.learner), Loader(source.learner, store)
    states = []
    for partition, manifest in sorted(manifests.items()):
        reason = objection(manifest, expected, None)
        if reason is not None:
            raise VersionRefused(f"version {number} can't be loaded: partition {partition}: {reason}")
        try:
            states += [state for _, state in loader.states(manifest)]
        except ArtefactInvalid as error:
            raise VersionRefused(
                f"version {number} can't be loaded any more: partition {partition}: {error}"
            ) from error
        except StoreUnavailable as error:
            raise StoreUnavailable(f"version {number} can't be loaded: {error}") from error
    return source.learner.ensemble(states)


def _expected(source: Source, learner: Learner) -> Expected:
    settings = source.settings
    empty = digest(learner, learner.empty())
    shape = settings.partitions, settings.shards_per_partition
    return Expected([source.identity], learner.id, *shape, empty, unsigned)
