"""What a scorer knows of the model that it follows: from its settings, or from what its manifests say of it.

A manifest bears the model's identity as text, whose hash it must match. So nobody needs the settings, or the secret, to
serve a model; whoever can write to the results topic could as well publish another model there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from unlearn.errors import ArtefactInvalid, NotDescribed, NotEnough, SettingsError
from unlearn.identity import identity_hash, identity_of, is_secret_of, readings_of
from unlearn.learners import learner_of
from unlearn.mapping.reading import EARLIER_READING
from unlearn.results.manifest import Manifest
from unlearn.settings import Partitions, Settings, Shards
from unlearn.validation_errors import first_error
from unlearn_models.base.errors import BadSettings
from unlearn_models.base.learner import Learner
from unlearn_models.registry import learner_from
from unlearn_models.text.letters import UNICODE

__all__ = ["PublishedModel", "agreed", "differences", "of_settings", "read_made"]

_ALONE = ("model", "partitions", "shards_per_partition", "slice_span", "subjects", "learner", "features")
"""Settings that an identity has as they are, by their names."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """Everything that decides how a model's manifests are read and served.

    `identities`: the hash that its manifests bear, or the few of which they bear one. `made`: its identity, parsed;
    None where it is known by its settings alone.
    """

    name: str
    partitions: int
    shards_per_partition: int
    learner: Learner
    identities: frozenset[str]
    made: Mapping[str, Any] | None = None


def of_settings(settings: Settings, identity: str | None = None) -> PublishedModel:
    """The model that the settings describe; `identity` is the hash that its manifests bear, if that is known.

    Raises SettingsError.
    """
    learner = learner_of(settings)
    # How events are read changes nothing of what a state says.
    possible = (identity_hash(identity_of(each, learner)) for each in readings_of(settings))
    identities = frozenset([identity] if identity else possible)
    return PublishedModel(settings.model, settings.partitions, settings.shards_per_partition, learner, identities)


class _Made(BaseModel):
    """What is read of an identity, within the bounds of the settings: a scorer makes a list of all partitions."""

    model_config = ConfigDict(strict=True)

    model: str
    partitions: Partitions
    shards_per_partition: Shards
    unicode: str
    learner_settings: dict[str, Any]


def read_made(manifest: Manifest) -> PublishedModel | None:
    """The model as its manifest describes it; None if it doesn't, as those of earlier releases.

    Raises ArtefactInvalid where the description isn't that of the manifest's identity, or of a model that this release
    can't serve.
    """
    if not manifest.made:
        return None
    if identity_hash(manifest.made) != manifest.identity:
        raise ArtefactInvalid("what it says of its model is not what its identity stands for")
    try:
        read = _Made.model_validate_json(manifest.made)
        learner = learner_from(read.learner_settings)
        made: dict[str, Any] = json.loads(manifest.made)
    except ValidationError as error:
        reason = first_error(error, 1)
        raise ArtefactInvalid(f"what it says of its model can't be read by this release: {reason}") from None
    except BadSettings as error:
        raise ArtefactInvalid(f"what it says of its model can't be read by this release: {error}") from None
    if read.unicode != UNICODE:
        raise ArtefactInvalid(f"its model reads texts by a table of Unicode {read.unicode}, this release by {UNICODE}")
    if read.model != manifest.model:
        raise ArtefactInvalid("what it says of its model is of one of another name")
    identities = frozenset([manifest.identity])
    return PublishedModel(read.model, read.partitions, read.shards_per_partition, learner, identities, made)


def agreed(manifests: Iterable[Manifest], identity: str | None) -> PublishedModel | None:
    """The one model that the newest manifests describe; None while there is none.

    `identity`: of which alone manifests count, if it is given. Raises NotEnough where they are of several models, and
    NotDescribed where they don't say what they are of.
    """
    wanted = [one for one in manifests if identity in (None, one.identity)]
    found: dict[str, PublishedModel | None] = {}
    for manifest in wanted:
        found[manifest.identity] = found.get(manifest.identity) or _described(manifest)
    described = {hashed: model for hashed, model in found.items() if model is not None}
    if len(found) > 1:
        raise NotEnough(f"manifests of several models are there: give the identity of one of {', '.join(found)}", ())
    if found and not described:
        raise NotDescribed(
            "the model's manifests don't say what it is, as they are of an earlier release: give the model's own "
            "settings, its secret too, or publish anew by workers of this release"
        )
    return next(iter(described.values()), None)


def _described(manifest: Manifest) -> PublishedModel | None:
    try:
        return read_made(manifest)
    except ArtefactInvalid as error:
        raise NotEnough(f"the manifest of partition {manifest.partition} can't be used: {error}", ()) from None


def differences(model: PublishedModel, given: Settings, names: Collection[str]) -> list[str]:
    """Which of the settings that were given by hand, by their names, are not the model's."""
    made = model.made or {}
    own: dict[str, object] = {name: getattr(given, name) for name in _ALONE} | {"classes": [*given.classes]}
    wrong = [name for name in names if name in own and own[name] != made.get(name)]
    # How messages are read is told of those that were made since mappings.
    possible = [json.loads(json.dumps(each.reading.told())) for each in readings_of(given)]
    told = [name for name in ("mapping", "tombstones") if name in names]
    wrong += [name for name in told if all(reading[name] != _read(made)[name] for reading in possible)]
    if "secret" in names and not is_secret_of(json.dumps(made), given.secret_bytes):
        wrong.append("secret")
    if "learner_options" in names and model.made is not None:
        wrong += _other_options(model.learner, given)
    return sorted(wrong)


def _other_options(learner: Learner, given: Settings) -> list[str]:
    """The options that were given and that the learner wasn't made with: by themselves, or as a preset of several."""
    made = learner.settings()
    try:
        own = {"learner": learner.id, "classes": learner.classes, "features": learner.n_features}
        if learner_of(given.model_copy(update=own)).settings() == made:
            return []
    except SettingsError as error:
        return [f"learner_options ({error})"]
    base = made.get("base")
    flat = {**(base if isinstance(base, dict) else {}), **made}
    options = given.learner_options.items()
    return [f"learner_options {name}" for name, value in options if name not in flat or flat[name] != value]


def _read(made: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = made.get("reading") or json.loads(json.dumps(EARLIER_READING.told()))
    return found
