"""Inserts behind other bytes, or inside of another JSON object: they are no events by their own word, and stay open.

A producer's serialiser puts bytes before the JSON, or a field around it. Until such forms can be declared, they are
possible deletions, each form with a reason of its own; an operator who knows that they are inserts closes all of that
reason. So nothing else gets these reasons: no deletion in the same form, and no envelope that says deletion outside of
its insert.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

__all__ = ["BEHIND_BYTES", "BEHIND_ID", "BEHIND_MARK", "IN_ENVELOPE", "WRAPPED", "enveloped", "framed"]

BEHIND_MARK: Final = "an insert behind a byte order mark"
BEHIND_ID: Final = "an insert behind a schema registry's id"
BEHIND_BYTES: Final = "an insert behind other bytes"
IN_ENVELOPE: Final = "an insert in an envelope"
WRAPPED = frozenset((BEHIND_MARK, BEHIND_ID, BEHIND_BYTES, IN_ENVELOPE))

_MARK = b"\xef\xbb\xbf"
_ID = 5
"""Bytes before the JSON: a zero, and a schema's number of four bytes."""
_LONGEST_FRAME = 40
_DEEPEST = 3
_MEMBERS = ("data", "payload", "after", "value", "event", "message", "body", "detail")

IsInsert = Callable[[bytes], bool]
"""Whether bytes are an insert by their `type`, valid or not, that says deletion nowhere."""
SaysDeletion = Callable[[dict[str, Any]], bool]


def framed(value: object, is_insert: IsInsert) -> str:
    """The reason for bytes that are an insert but for what stands before the JSON; empty for anything else."""
    if not isinstance(value, bytes):
        return ""
    has_id = value[:1] == b"\0" and value[_ID : _ID + 1] == b"{"
    at = _ID if has_id else value.find(b"{", 0, _LONGEST_FRAME)
    if at <= 0 or not is_insert(value[at:]):
        return ""
    if has_id:
        return BEHIND_ID
    return BEHIND_MARK if value[:at] == _MARK else BEHIND_BYTES


def enveloped(text: str, is_insert: IsInsert, says_deletion: SaysDeletion) -> str:
    """The reason for a JSON object that is no event itself and holds an insert; empty for anything else."""
    try:
        whole = json.loads(text)
    except ValueError:
        # `scan` takes numbers of any length, `json` doesn't.
        return ""
    return IN_ENVELOPE if _holds_insert(whole, is_insert, says_deletion, _DEEPEST) else ""


def _holds_insert(whole: object, is_insert: IsInsert, says_deletion: SaysDeletion, depth: int) -> bool:
    if not isinstance(whole, dict) or depth == 0:
        return False
    inner = [name for name in _MEMBERS if _is_insert(whole.get(name), is_insert)]
    inner = inner or [n for n in _MEMBERS if _holds_insert(whole.get(n), is_insert, says_deletion, depth - 1)]
    rest = {name: value for name, value in whole.items() if name not in inner}
    return len(inner) == 1 and not says_deletion(rest)


def _is_insert(member: object, is_insert: IsInsert) -> bool:
    if isinstance(member, str):
        return member.lstrip().startswith("{") and is_insert(member.encode(errors="replace"))
    return isinstance(member, dict) and is_insert(json.dumps(member).encode())
