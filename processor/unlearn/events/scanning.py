"""What a message holds, whatever it means: its top-level pairs as they were sent, and its whole text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MAX_DEPTH", "Scan", "scan"]

# Far below the limits of pydantic and the interpreter: the same bytes are judged the same on any stack.
MAX_DEPTH = 64

_MOST_DIGITS = 100
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass
class Scan:
    """What a message holds. `top`: the pairs of the outermost object, repeated names included, numbers as text."""

    text: str
    top: list[tuple[str, object]] = field(default_factory=list)
    is_object: bool = False
    repeats: bool = False
    """Whether any object, at any depth, names a field twice."""
    whole: Any = None
    """The JSON itself."""

    def see(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Take in an object's pairs: a hook of `json.loads`, which hands over the outermost object last."""
        self.top = pairs
        found = dict(pairs)
        self.repeats = self.repeats or len(found) < len(pairs)
        return found

    def types(self) -> list[object]:
        """The values of `type` at the top level, as many as there are; [] where the message is no object."""
        return [value for key, value in self.top if key == "type"] if self.is_object else []

    def holds_delete(self) -> bool:
        """Whether the text contains "delete" in any case, as it stands or with its escapes resolved."""
        return "delete" in self.text.lower() or "delete" in _ESCAPE.sub(_unescape, self.text).lower()


def scan(value: bytes, *, numbers: bool = False) -> Scan:
    """What a message holds; with `numbers` they are numbers, else the text that stands for them.

    Raises ValueError (not UTF-8 JSON, nested too deeply), TypeError or AttributeError (not bytes).
    """
    if _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    found = Scan(value.decode())
    # Numbers stay text, as Python refuses to read very long ones.
    whole, broken = (_whole, float) if numbers else (str, str)
    found.whole = json.loads(
        found.text, object_pairs_hook=found.see, parse_int=whole, parse_float=broken, parse_constant=broken
    )
    found.is_object = found.text.lstrip(" \t\n\r").startswith("{")
    return found


def _whole(digits: str) -> int | float:
    """The number: an int only if its decimal spelling is these very digits."""
    return int(digits) if len(digits) <= _MOST_DIGITS and digits != "-0" else float(digits)


def _depth(value: bytes) -> int:
    """How deep arrays and objects are nested, found without recursion."""
    deepest = depth = 0
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        for bracket in _STRING.sub(b"", value).translate(None, _NOT_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[0]
