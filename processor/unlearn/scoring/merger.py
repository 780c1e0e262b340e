"""Puts each partition's newest manifest in the place of the one served, unless something speaks against it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from unlearn.errors import ArtefactInvalid, StoreUnavailable
from unlearn.results.manifest import Manifest
from unlearn.results.results_topic import Published, Results
from unlearn.scoring.lease import is_newest_owner, vouched_at
from unlearn.scoring.loader import Loader
from unlearn.scoring.published_model import PublishedModel
from unlearn.scoring.serving import Merged
from unlearn.scoring.trust import Expected, Verify, beyond, objection
from unlearn.storage.artefacts import Store
from unlearn_models.base.encoding import digest

__all__ = ["Merger", "dated"]

_log = logging.getLogger(__name__)


class Merger:
    """Merges manifests, for one thread. `problems`: partition -> why its newest manifest isn't merged."""

    def __init__(self, model: PublishedModel, store: Store, verify: Verify) -> None:
        learner = model.learner
        self._partitions = range(model.partitions)
        self._expected = Expected(
            model.identities,
            learner.id,
            model.partitions,
            model.shards_per_partition,
            digest(learner, learner.empty()),
            verify,
        )
        self._loader = Loader(learner, store)
        self.problems: Mapping[int, str] = {}
        self.beyond: tuple[int, ...] = ()
        """Partitions that have manifests of this model although the settings have fewer partitions. While there are
        any, every answer would be that of a part of the model."""

    def merge(self, results: Results, before: Mapping[int, Merged]) -> dict[int, Merged]:
        """What to serve from now on. A partition whose newest manifest is refused stays as it was."""
        merged, problems = dict(before), self._not_believed(results)
        for partition in self._partitions:
            held = results.of(partition)
            if held.manifest is None:
                continue
            try:
                merged[partition] = self._merged(held, held.manifest, before.get(partition))
            except (ArtefactInvalid, StoreUnavailable) as error:
                problems[partition] = f"the manifest at {held.offset} is refused: {error}"
        newest = [held.manifest for held in results.partitions.values() if held.manifest]
        self.beyond = beyond(newest, self._expected)
        self._report(problems | self._too_many(newest))
        self._loader.keep([*newest, *(one.manifest for one in merged.values())])
        return merged

    def _merged(self, held: Published, newest: Manifest, before: Merged | None) -> Merged:
        """The newest manifest with its states loaded.

        Raises ArtefactInvalid or StoreUnavailable if none of it may be used.
        """
        if before and before.manifest == newest:
            return replace(before, offset=held.offset)
        reason = objection(newest, self._expected, before.manifest if before else None)
        if reason is not None:
            raise ArtefactInvalid(reason)
        states = self._loader.states(newest)
        return dated(Merged(newest, held.offset, states, vouched_at=None, newest_owner=False), held)

    def _not_believed(self, results: Results) -> dict[int, str]:
        """Partition -> why the newest record about it isn't believed, for partitions without any manifest that is."""
        return {
            refusal.partition: f"what stands at {refusal.offset} is not believed: {refusal.reason}"
            for refusal in results.refused.values()
            if refusal.partition in self._partitions and results.of(refusal.partition).manifest is None
        }

    def _too_many(self, manifests: list[Manifest]) -> dict[int, str]:
        count = len(self._partitions)
        return {
            one.partition: f"it has a manifest, and UNLEARN_PARTITIONS is {count}"
            for one in manifests
            if one.partition >= count
        }

    def _report(self, problems: Mapping[int, str]) -> None:
        for partition, problem in problems.items():
            if self.problems.get(partition) != problem:
                _log.warning("partition %d: %s", partition, problem)
        self.problems = problems


def dated(one: Merged, held: Published) -> Merged:
    """The manifest with what is known of its owner now: when it last vouched for it, and whether it was replaced."""
    at = vouched_at(held, one.manifest, one.vouched_at)
    return replace(one, vouched_at=at, newest_owner=is_newest_owner(held, one.manifest))
