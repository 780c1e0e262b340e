"""Which identities of a request name subjects of the model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from unlearn.errors import InputInvalid
from unlearn.events.event import MAX_ID

__all__ = ["RAW", "Identity", "Named", "subjects_of"]

RAW: Final = "raw"


class Identity(NamedTuple):
    """One identity of a data subject: its type and format, in OpenDSR's words, and its value."""

    type: str
    format: str
    value: str


class Named(NamedTuple):
    """The subject ids that a request names, each once, and the kinds (type, format) of identities that name none."""

    subjects: tuple[str, ...]
    unused: tuple[tuple[str, str], ...]


def subjects_of(identities: Sequence[Identity], types: Collection[str]) -> Named:
    """The subjects that these identities name, where raw values of `types` are subject ids.

    A hashed value names no subject: this is the place to look it up once subjects can be known by a hash.
    Raises InputInvalid where none is named, and for a value that can't be an id; the text quotes no value.
    """
    named = [one for one in identities if one.type in types and one.format == RAW]
    if not named:
        raise InputInvalid(_nothing_named(identities, types))
    for identity in named:
        if not 1 <= len(identity.value) <= MAX_ID or not _is_text(identity.value):
            raise InputInvalid(f"subject_identities: a value of {identity.type} has not 1 to {MAX_ID} characters")
    unused = [(one.type, one.format) for one in identities if one not in named]
    return Named(tuple(dict.fromkeys(one.value for one in named)), tuple(dict.fromkeys(unused)))


def _nothing_named(identities: Sequence[Identity], types: Collection[str]) -> str:
    wanted = ", ".join(sorted(types))
    if any(one.type in types for one in identities):
        return f"subject_identities: a hash can't be matched with a subject here; send {wanted} with the format raw"
    return f"subject_identities: none is of a type that names a subject here; send {wanted} with the format raw"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
