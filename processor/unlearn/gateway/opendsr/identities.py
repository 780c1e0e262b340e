"""Which identities of a request name subjects of the model, or aliases."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple

from unlearn.errors import InputInvalid
from unlearn.events.event import MAX_ID

__all__ = ["HASHES", "RAW", "Identity", "Name", "Named", "named_by"]

RAW: Final = "raw"
HASHES: Final = ("sha256", "sha1", "md5")
"""OpenDSR's names of hashes; others are taken too."""
_HASH = re.compile("[a-z0-9][a-z0-9_-]*")


class Identity(NamedTuple):
    """One identity of a data subject: its type and format, in OpenDSR's words, and its value."""

    type: str
    format: str
    value: str


class Name(NamedTuple):
    """What a deletion names: a subject, or an alias of one."""

    kind: Literal["subject", "alias"]
    id: str


class Named(NamedTuple):
    """What a request names, each once, and the kinds (type, format) of identities that name nothing."""

    names: tuple[Name, ...]
    unused: tuple[tuple[str, str], ...]


def named_by(identities: Sequence[Identity], subjects: Collection[str], aliases: Collection[str]) -> Named:
    """What these identities name: a raw value of the types `subjects` is a subject id; a hash of the types `aliases` is
    the alias FORMAT:VALUE, such as sha256:9f86...

    Raises InputInvalid where nothing is named, and for a value that can't be an id; the text quotes no value.
    """
    names: dict[Name, None] = {}
    unused: dict[tuple[str, str], None] = {}
    for one in identities:
        if one.format == RAW and one.type in subjects:
            names[Name("subject", _id(one, one.value))] = None
        elif one.format != RAW and one.type in aliases:
            names[Name("alias", _id(one, f"{_hash(one)}:{one.value}"))] = None
        else:
            unused[one.type, one.format] = None
    if not names:
        raise InputInvalid(_nothing_named(subjects, aliases))
    return Named(tuple(names), tuple(unused))


def _id(identity: Identity, found: str) -> str:
    if not identity.value or len(found) > MAX_ID or not _is_text(found):
        raise InputInvalid(f"subject_identities: a value of {identity.type} has not 1 to {MAX_ID} characters")
    return found


def _hash(identity: Identity) -> str:
    """Spelled otherwise, `Raw` or `SHA256`, it would be an alias that no insert bears."""
    if not _HASH.fullmatch(identity.format):
        raise InputInvalid(
            f"subject_identities: a format of {identity.type} is no name of a hash in small letters, such as sha256"
        )
    return identity.format


def _nothing_named(subjects: Collection[str], aliases: Collection[str]) -> str:
    wanted = f"{', '.join(sorted(subjects))} with the format raw"
    hashes = f", or {', '.join(sorted(aliases))} as a hash" if aliases else ""
    return f"subject_identities: none names anybody here; send {wanted}{hashes}"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
