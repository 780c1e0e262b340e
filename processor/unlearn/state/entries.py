"""What Redis remembers of a record id: tombstones, and the rows that live under it.

There is one entry per record id and partition, a few bytes long. Several subjects may use one id, so an entry holds a
pair per subject. The layout, with optional parts in brackets:

    entry    flags, [tomb of every subject], pair*
    pair     flags, [subject tag, 6 bytes], [slot, content tag of 4 bytes, [revision]], [tomb]

Pairs stand in the order of their tags, so that an entry's bytes depend on what it holds alone; earlier code wrote them
in the order in which they came, and any order is read. Integers are unsigned LEB128. A tomb, the highest deleted
revision, is stored as 0 where it holds for ever, else as the revision + 1. An entry that holds nothing is empty bytes,
and is removed. Where many subjects use one id, the pairs stand apart, as the entry's flags say: each in a field of its
own, named by the tag, which the pair then lacks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from unlearn.errors import ArtefactInvalid

__all__ = [
    "ALONE",
    "FOREVER",
    "NO_PAIR",
    "NO_ROW",
    "NO_TOMB",
    "Entry",
    "Pair",
    "Subject",
    "decode_entry",
    "decode_pair",
    "decode_subject",
    "encode_entry",
    "encode_pair",
    "encode_subject",
    "forgotten",
    "holds_one_row",
    "is_dead",
    "is_empty",
]

FOREVER = 1 << 62
"""The tomb of a deletion without revision: it is above every revision."""
NO_TOMB = -1
"""The tomb where nothing was deleted: it is below every revision."""
NO_ROW = -1
"""The slot of a pair without a live row."""
ALONE = b""
"""The tag of a record without a subject."""

_ANY_TOMB, _APART = 1, 2
_HAS_TAG, _HAS_ROW, _HAS_REVISION, _HAS_TOMB = 1, 2, 4, 8
_TAG, _CONTENT = 6, 4
_BYTES = [bytes([byte]) for byte in range(256)]
_ONE_ROW, _FORGOTTEN = bytes([0, _HAS_TAG | _HAS_ROW]), bytes([0, _HAS_TAG])
_HEADS = _BYTES[_ANY_TOMB], _BYTES[_ANY_TOMB | _APART]


class Pair(NamedTuple):
    """One (subject, record id): the slot, revision and content tag of its live row, if any, and its tomb.

    A subject's pair with neither row nor tomb says that the record is forgotten: its row was buried with its subject,
    or its insert came after the subject's deletion.
    """

    slot: int = NO_ROW
    revision: int = 0
    content: bytes = b""
    tomb: int = NO_TOMB


NO_PAIR = Pair()
"""Neither row nor tomb: as which a missing pair counts. One that is kept says that the record is forgotten."""


class Entry(NamedTuple):
    """A record id: the tomb that holds under every subject, and a pair for each subject's tag."""

    tomb: int
    pairs: dict[bytes, Pair]
    apart: bool = False
    """Whether the pairs stand apart, each in its own field; then `pairs` has only those that were read."""


class Subject(NamedTuple):
    """A subject: dead since an offset, or alive with its first row at a slot.

    `empty`: alive, and no row was taken since the offset, where it was let in again.
    """

    dead: bool
    offset: int
    empty: bool = False


def encode_entry(entry: Entry) -> bytes:
    """The bytes of an entry, without pairs that stand apart; empty if it holds neither tomb nor pairs."""
    if entry.tomb != NO_TOMB:
        head = _HEADS[entry.apart] + _number(_tomb_code(entry.tomb))
    else:
        head = _BYTES[_APART * entry.apart]
    if entry.apart:
        return head
    out = head + b"".join([_encode_pair(tag, entry.pairs[tag]) for tag in sorted(entry.pairs)])
    return b"" if out == b"\0" else out


def decode_entry(data: bytes | None) -> Entry:
    """The entry of these bytes, without pairs that stand apart; one without tomb and pairs for None and empty bytes.

    Raises ArtefactInvalid where the bytes are cut short.
    """
    if not data:
        return Entry(NO_TOMB, {})
    try:
        tomb, at = _get_tomb(data, 1) if data[0] & _ANY_TOMB else (NO_TOMB, 1)
        return Entry(tomb, dict(_pairs(data, at)), bool(data[0] & _APART))
    except IndexError:
        raise ArtefactInvalid("a membership entry in Redis is cut short") from None


def encode_pair(tag: bytes, pair: Pair) -> bytes:
    """The bytes of a pair that stands apart under `tag`; empty if it has neither tag, row nor tomb."""
    data = _encode_pair(tag, pair)
    return data[:1] + data[1 + len(tag) :]


def decode_pair(tag: bytes, data: bytes) -> Pair:
    """The pair that stands apart under `tag`. Raises ArtefactInvalid where the bytes are cut short."""
    try:
        return dict(_pairs(data[:1] + tag + data[1:], 0))[tag]
    except (IndexError, KeyError):
        raise ArtefactInvalid("a membership entry in Redis is cut short") from None


def holds_one_row(data: bytes, tag: bytes, slot: int) -> bool:
    """Whether an entry's bytes hold a row of revision 0 at this slot under this subject's tag, and nothing else."""
    row = _ONE_ROW + tag + _number(slot)
    return len(data) == len(row) + _CONTENT and data.startswith(row)


def forgotten(tag: bytes) -> bytes:
    """The bytes of an entry that holds a pair under this subject's tag, with neither row nor tomb, and nothing else."""
    return _FORGOTTEN + tag


def encode_subject(subject: Subject) -> bytes:
    """The bytes of a subject: T if it is dead, E if it is empty, else L, and the offset."""
    return (b"T" if subject.dead else b"E" if subject.empty else b"L") + _number(subject.offset)


def decode_subject(data: bytes | None) -> Subject | None:
    """The subject of these bytes; None for None and empty bytes."""
    if not data:
        return None
    return Subject(is_dead(data), _get(data, 1)[0], is_empty(data))


def is_dead(data: bytes | None) -> bool:
    """Whether these bytes are of a dead subject; None for one that is unknown."""
    return data is not None and data[:1] == b"T"


def is_empty(data: bytes | None) -> bool:
    """Whether these bytes are of a subject that is alive, and of which no row was taken since it was let in again."""
    return data is not None and data[:1] == b"E"


def _encode_pair(tag: bytes, pair: Pair) -> bytes:
    slot, revision, content, tomb = pair
    flags, row, end = _HAS_TAG if tag else 0, b"", b""
    if slot != NO_ROW:
        flags, row = flags | _HAS_ROW, _number(slot) + content
        if revision:
            flags, row = flags | _HAS_REVISION, row + _number(revision)
    if tomb != NO_TOMB:
        flags, end = flags | _HAS_TOMB, _number(_tomb_code(tomb))
    return _BYTES[flags] + tag + row + end if flags else b""


def _pairs(data: bytes, at: int) -> Iterable[tuple[bytes, Pair]]:
    while at < len(data):
        flags, at = data[at], at + 1
        tag, at = (data[at : at + _TAG], at + _TAG) if flags & _HAS_TAG else (ALONE, at)
        slot, revision, content, tomb = NO_ROW, 0, b"", NO_TOMB
        if flags & _HAS_ROW:
            slot, at = _get(data, at)
            content, at = data[at : at + _CONTENT], at + _CONTENT
            if flags & _HAS_REVISION:
                revision, at = _get(data, at)
        if flags & _HAS_TOMB:
            tomb, at = _get_tomb(data, at)
        yield tag, Pair(slot, revision, content, tomb)


def _tomb_code(tomb: int) -> int:
    return 0 if tomb == FOREVER else tomb + 1


def _get_tomb(data: bytes, at: int) -> tuple[int, int]:
    code, at = _get(data, at)
    return (code - 1 if code else FOREVER), at


def _number(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += _BYTES[number & 0x7F | 0x80]
        number >>= 7
    return out + _BYTES[number]


def _get(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
