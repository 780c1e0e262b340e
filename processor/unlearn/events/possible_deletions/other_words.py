"""Deletions that are said in other words, in a field of an insert or in a header.

Change data capture sends a row's last content when the row is deleted, and says so in `op`, `__deleted`, `deleted_at`;
an application that keeps its deleted rows updates their `status`; CloudEvents carry their type in a header. An event's
own `type` says what it is; where another field or a header contradicts an insert, a seal or a lift, the message stays
open as a possible deletion.
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
_STATE = re.compile(
    "(row|record|entry|entity|object|item|document|doc|content|post|comment|message|tweet|user|account|profile|customer|"
    "member|membership|subject|consent|moderation|publication|lifecycle|sys|system|current|new)?(status|state)(name|value)?"
    "|(lifecycle)(stage|phase)?|visibility"
)
_DENIED = re.compile("(un|not|non|never)(soft|hard|yet|be|been)*(delet|eras[eiu]|remov|purg|redact|withdr[ae]w|revok)")
_TYPE = re.compile("(ce|cloudevents:)type")
_Sort = Literal["flag", "word", "state", ""]
_SILENT: set[str] = set()
"""Names that were already found to be neither a flag nor a word for an operation; most messages hold no others."""
_REMEMBERED = 10_000
_NO = frozenset(("", "0", "0.0", "false", "f", "no", "n", "null", "none"))


def says_deletion(pairs: Iterable[tuple[str, object]], *, states: bool = True) -> bool:
    """Whether one of the pairs (name, value) says deletion: as a flag such as `deleted`, or as an operation's name.

    `states`: or as a state, such as the status `deleted`; releases before mappings passed those over.
    """
    sorts = ((_sort_of(name), value) for name, value in pairs if name not in _SILENT)
    return any(_says(sort, value) for sort, value in sorts if states or sort != "state")


def is_silent(name: str) -> bool:
    """Whether a field or header of this name says no deletion, whatever its value."""
    return not _sort_of(name)


def with_headers(found: Parsed, headers: Sequence[Header], *, states: bool = True) -> Parsed:
    """What a message is, given its headers too. What is a deletion without them stays one. `states`: as above."""
    said = [(name, "" if value is None else value.decode("latin-1")) for name, value in headers if name != ORIGIN]
    if isinstance(found, Delete) or (isinstance(found, Unreadable) and found.reason not in WRAPPED):
        return found
    if says_deletion(said, states=states):
        return Unreadable(IN_A_HEADER)
    if isinstance(found, Empty) and any(value and _TYPE.fullmatch(plain(name)) for name, value in said):
        return Unreadable(NAMELESS)
    if isinstance(found, BadInsert) and any("delete" in f"{name} {value}".lower() for name, value in said):
        return Unreadable(found.reason)
    return found


@lru_cache(4096)
def _sort_of(name: str) -> _Sort:
    spelled = plain(name)
    if _FLAG.fullmatch(spelled):
        return "flag"
    if _WORD.fullmatch(spelled):
        return "word"
    if _STATE.fullmatch(spelled):
        return "state"
    if spelled and len(_SILENT) < _REMEMBERED:
        _SILENT.add(name)
    return ""


def _says(sort: _Sort, value: object) -> bool:
    if sort == "flag":
        return value.lower() not in _NO if isinstance(value, str) else bool(value)
    if not isinstance(value, str):
        return False
    return is_deletion(value) if sort == "word" else sort == "state" and _is_gone(value)


def _is_gone(state: str) -> bool:
    """Whether a row's state says that it is deleted, or shall be; single letters mean too much else."""
    spelled = plain(state)
    return _STEMS.search(spelled) is not None and _DENIED.search(spelled) is None


def is_deletion(word: str) -> bool:
    """Whether the name of an operation, or a text that contains one, says deletion."""
    small = word.lower()
    return small in _LETTERS or _STEMS.search(small) is not None
