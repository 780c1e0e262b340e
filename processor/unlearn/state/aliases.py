"""What Redis remembers of an alias: whether it is deleted, and whom it names, for good.

An alias names the subject of each insert that bore it, or the record of one without a subject. The layout:

    value    flags, target*
    target   `s` or `r`, and the digest of the subject or the record, 16 bytes

Targets stand in the order of their bytes. Of an alias with more than a few they stand apart, as its flags say, so that
one more costs no more, however many there are. A value that says nothing is removed.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MOST_INLINE", "NO_ALIAS", "Alias", "addressed", "decode_alias", "encode_alias", "target_of"]

_DEAD, _APART = 1, 2
_SUBJECT, _RECORD = b"s", b"r"
_TARGET = 17
MOST_INLINE = 3
"""Redis keeps a hash compact while none of its values is longer than 64 bytes."""


class Alias(NamedTuple):
    """Whether the alias is deleted, and its targets; of those that stand apart, the ones that were read."""

    dead: bool = False
    targets: frozenset[bytes] = frozenset()
    apart: bool = False


NO_ALIAS = Alias()


def target_of(record: bytes, subject: bytes) -> bytes:
    """Whom an insert's aliases name, given its digests; `subject` is empty where it has none."""
    return _SUBJECT + subject if subject else _RECORD + record


def addressed(target: bytes) -> tuple[bytes, bytes]:
    """(digest of the record, digest of the subject) of a target; empty for the one that it isn't."""
    kind, digest = target[:1], target[1:]
    return (b"", digest) if kind == _SUBJECT else (digest, b"")


def encode_alias(alias: Alias) -> bytes:
    """The bytes of an alias, without targets that stand apart; empty if it says nothing."""
    flags = _DEAD * alias.dead | _APART * alias.apart
    targets = b"" if alias.apart else b"".join(sorted(alias.targets))
    return bytes([flags]) + targets if flags or targets else b""


def decode_alias(data: bytes | None) -> Alias:
    """The alias of these bytes, without targets that stand apart; NO_ALIAS for None."""
    if not data:
        return NO_ALIAS
    targets = frozenset(data[at : at + _TARGET] for at in range(1, len(data), _TARGET))
    return Alias(bool(data[0] & _DEAD), targets, bool(data[0] & _APART))
