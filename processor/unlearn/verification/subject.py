"""The model that is verified: what decides its states, where its events and results stand, what its manifests bear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from unlearn.identity import identity_hash, identity_of, readings_of
from unlearn.learners import learner_of
from unlearn.settings import Settings
from unlearn.verification.reference import Model

__all__ = ["Subject", "subject_of"]


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
    before: tuple[Subject, ...] = ()
    """The model as earlier releases have made it, where the settings may name those."""

    def start(self, partition: int) -> int:
        """The offset at which the model was made in this partition."""
        return self.starts.get(partition, 0)

    def published_as(self, identity: str) -> Subject:
        """The model whose manifests bear this identity, as far as the settings leave open which."""
        return next((one for one in self.before if one.identity == identity), self)


def subject_of(settings: Settings) -> Subject:
    """The model that the settings name. Raises SettingsError."""
    *before, now = map(_subject_of, readings_of(settings))
    return replace(now, before=tuple(before))


def _subject_of(settings: Settings) -> Subject:
    learner = learner_of(settings)
    model = Model(
        settings.partitions,
        settings.shards_per_partition,
        settings.slice_span,
        settings.subjects,
        settings.secret_bytes,
        learner,
        settings.model,
        settings.reading,
    )
    identity = identity_hash(identity_of(settings, learner))
    return Subject(settings.model, settings.events_topic, settings.results_topic, model, identity)
