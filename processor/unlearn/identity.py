"""A model's identity, frozen when it is made: a change of any part of it makes another model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b

from unlearn.errors import IdentityChanged
from unlearn.mapping.reading import EARLIER_READING
from unlearn.settings import Settings
from unlearn_models.base.learner import Learner
from unlearn_models.text.letters import UNICODE

__all__ = [
    "as_before",
    "as_made",
    "as_published",
    "check_identity",
    "identity_hash",
    "identity_of",
    "is_secret_of",
    "kept_identity",
    "new_model",
    "readings_of",
]

_SCHEMA = 1
_READING = "reading"
"""What a model has that was made since messages are read by mappings."""
_LAYOUT, _LAYOUT_NOW = "state_layout", 5
"""Under which name Redis keeps, beside the identity, how a partition's state is laid out there, and how it is now. An
earlier release doesn't know it, and so refuses a partition that it would misread: since 2 members stand in tables that
grow, since 3 pending deletions and letters bear what their receipts say, since 4 there are aliases, since 5 what was
sent on is remembered where it arrives."""


def identity_of(settings: Settings, learner: Learner) -> str:
    """The identity as canonical JSON: everything that decides which states a log gives."""
    parts = {
        "schema": _SCHEMA,
        "model": settings.model,
        "partitions": settings.partitions,
        "shards_per_partition": settings.shards_per_partition,
        "slice_span": settings.slice_span,
        "subjects": settings.subjects,
        "learner": learner.id,
        "learner_settings": learner.settings(),
        "classes": list(learner.classes),
        "features": learner.n_features,
        "unicode": UNICODE,
        "secret_check": _secret_check(settings.secret_bytes),
    }
    if (reading := settings.reading.told()) != EARLIER_READING.told():
        parts[_READING] = reading
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


def as_made(settings: Settings, identities: Iterable[str]) -> Settings:
    """The settings as a model has them of which one of these identities is kept, in Redis or by its store.

    Where they leave open how messages are read, or name a mapping that meant something else in an earlier release, a
    model goes on reading as it did.
    """
    made = [json.loads(identity).get(_READING, EARLIER_READING.told()) for identity in identities]
    return next((each for each in readings_of(settings) if each.reading.told() in made), settings)


def as_published(settings: Settings, learner: Learner, hashes: Collection[str]) -> Settings:
    """As `as_made`, by the hashes of identities that the model's manifests bear."""
    of_hash = (each for each in readings_of(settings) if identity_hash(identity_of(each, learner)) in hashes)
    return next(of_hash, settings)


def readings_of(settings: Settings) -> list[Settings]:
    """The settings with messages read in each way that they may stand for, by the release that made the model; the
    earliest first, and last the settings themselves."""
    before = as_before(settings)
    formerly = [settings.model_copy(update={"mapping": one}) for one in reversed(settings.reading.mapping.before)]
    return [*([] if before is settings else [before]), *formerly, settings]


def as_before(settings: Settings) -> Settings:
    """The settings with messages read as before mappings, unless they say how they are read."""
    if settings.mapping is not None or settings.tombstones not in (None, EARLIER_READING.tombstones):
        return settings
    return settings.model_copy(update={"mapping": EARLIER_READING.mapping, "tombstones": EARLIER_READING.tombstones})


def is_secret_of(identity: str, secret: bytes) -> bool:
    """Whether a model of this identity was made with the secret."""
    return bool(json.loads(identity)["secret_check"] == _secret_check(secret))


def _secret_check(secret: bytes) -> str:
    return blake2b(b"identity", key=hashlib.sha256(secret).digest(), digest_size=8).hexdigest()


def identity_hash(identity: str) -> str:
    """The sha256 of an identity, in hex, as manifests bear it."""
    return hashlib.sha256(identity.encode()).hexdigest()


def new_model(events_topic: str) -> str:
    """A sentence: how to build another model from the same events.

    Its topics are called after it, unless they are named.
    """
    return f"set UNLEARN_MODEL to a new name and UNLEARN_TOPICS__EVENTS={events_topic}, and run `unlearn topics create`"


def kept_identity(identity: str) -> str:
    """What Redis keeps of an identity: it, and the layout of the state."""
    return json.dumps({**json.loads(identity), _LAYOUT: _LAYOUT_NOW}, sort_keys=True, separators=(",", ":"))


def check_identity(stored: str, ours: str, events_topic: str) -> None:
    """Raises IdentityChanged, naming what differs, unless what Redis keeps is of our identity.

    Where a layout of before is kept, or none, it is of ours too: what this release writes moves the state on.
    """
    if stored == ours:
        return
    before: dict[str, object] = json.loads(stored)
    now: Mapping[str, object] = json.loads(ours)
    if before.pop(_LAYOUT, _LAYOUT_NOW) not in range(_LAYOUT_NOW + 1):
        raise IdentityChanged("the model's state in Redis is of a newer release: run that one")
    if before == now:
        return
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed == [_READING]:
        raise IdentityChanged(_other_reading(before.get(_READING), events_topic))
    if changed == ["unicode"]:
        raise IdentityChanged(_other_letters(before["unicode"], events_topic))
    raise IdentityChanged(
        f"the model was made with other settings: {', '.join(changed)} changed. "
        f"Put them back, or build a new model from the same events: {new_model(events_topic)}"
    )


def _other_reading(made: object, events_topic: str) -> str:
    """The message for a model whose messages are to be read otherwise than before."""
    how = "UNLEARN_MAPPING=earlier and UNLEARN_TOMBSTONES=ignore, or leave both unset"
    if isinstance(made, dict):
        how = (
            f"UNLEARN_TOMBSTONES={made.get('tombstones')}, and UNLEARN_MAPPING to a TOML file that says what this "
            f"JSON says, or to the preset, if it still says that: {json.dumps(made.get('mapping'))}"
        )
    return (
        "the model was made with another reading of its messages: the mapping or what a null means has changed, or the "
        f"preset has in this release. Set {how}; or build a new model from the same events: {new_model(events_topic)}"
    )


def _other_letters(unicode: object, events_topic: str) -> str:
    """The message for a model of an early release. It took its letters from the Python that ran it, and they differ
    from Python 3.12 on; now they come from a table."""
    return (
        f"the model was made by an earlier release, which took letters from its Python (Unicode {unicode}); texts are "
        f"now read by a table of Unicode {UNICODE}, under any Python, and these models can't go on. Keep to that "
        f"release and Python, or build a new model from the same events: {new_model(events_topic)}"
    )
