"""Deletions that are said in other words, in a field of an insert or in a header.

Change data capture sends a row's last content when the row is deleted, and says so in `op`, `__deleted`, `deleted_at`;
CloudEvents carry their type in a header. An event's own `type` says what it is; where another field or a header
contradicts an insert, a seal or a lift, the message stays open as a possible deletion.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal

from unlearn.events.event import ORIGIN, BadInsert, Delete, Empty, Parsed, Unreadable
from unlearn.events.possible_deletions.envelopes import WRAPPED
from unlearn.events.possible_deletions.near_misses import plain
from unlearn.log.protocol import Header

__all__ = ["IN_A_FIELD", "IN_A_HEADER", "NAMELESS", "is_deletion", "is_silent", "says_deletion", "with_headers"]

IN_A_FIELD: Final = {
    "insert": "an insert that says deletion in another field",
    "lift": "a lift that says deletion in another field",
}
"""Reasons by the event's type."""
IN_A_HEADER: Final = "a header says deletion"
NAMELESS: Final = "no value, and a header that names a type"

_STEMS = re.compile("delet|eras[eiu]|remov|purg|forg[eo]t|redact|withdr[ae]w|revok|destr[ou]y")
_LETTERS = frozenset(("d", "del", "drop", "rm"))
_FLAG = re.compile(
    "(is|was)?(deleted?|deletion|erased?|removed?|purged|forgotten|tombstone(d)?)(flag|at|on|date|time)?"
)
_WORD = re.compile("(x|ce|cloudevents:)?(type|op|optype|operation(type)?|action(type)?|event(type|name)?|changetype)")
_TYPE = re.compile("(ce|cloudevents:)type")
_SILENT: set[str] = set()
"""Names that were already found to be neither a flag nor a word for an operation; most messages hold no others."""
_REMEMBERED = 10_000
_NO = frozenset(("", "0", "0.0", "false", "f", "no", "n", "null", "none"))


def says_deletion(pairs: Iterable[tuple[str, object]]) -> bool:
    """Whether one of the pairs (name, value) says deletion: as a flag such as `deleted`, or as an operation's name."""
    return any(_says(_sort_of(name), value) for name, value in pairs if name not in _SILENT)


def is_silent(name: str) -> bool:
    """Whether a field or header of this name says no deletion, whatever its value."""
    return not _sort_of(name)


def with_headers(found: Parsed, headers: Sequence[Header]) -> Parsed:
    """What a message is, given its headers too. What is a deletion without them stays one."""
    said = [(name, "" if value is None else value.decode("latin-1")) for name, value in headers if name != ORIGIN]
    if isinstance(found, Delete) or (isinstance(found, Unreadable) and found.reason not in WRAPPED):
        return found
    if says_deletion(said):
        return Unreadable(IN_A_HEADER)
    if isinstance(found, Empty) and any(value and _TYPE.fullmatch(plain(name)) for name, value in said):
        return Unreadable(NAMELESS)
    if isinstance(found, BadInsert) and any("delete" in f"{name} {value}".lower() for name, value in said):
        return Unreadable(found.reason)
    return found


@lru_cache(4096)
def _sort_of(name: str) -> Literal["flag", "word", ""]:
    spelled = plain(name)
    if _FLAG.fullmatch(spelled):
        return "flag"
    if _WORD.fullmatch(spelled):
        return "word"
    if spelled and len(_SILENT) < _REMEMBERED:
        _SILENT.add(name)
    return ""


def _says(sort: Literal["flag", "word", ""], value: object) -> bool:
    if sort == "flag":
        return value.lower() not in _NO if isinstance(value, str) else bool(value)
    return sort == "word" and isinstance(value, str) and is_deletion(value)


def is_deletion(word: str) -> bool:
    """Whether the name of an operation, or a text that contains one, says deletion."""
    small = word.lower()
    return small in _LETTERS or _STEMS.search(small) is not None
