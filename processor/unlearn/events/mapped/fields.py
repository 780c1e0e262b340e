"""Our fields in a message: what a mapping's paths find, and why a field can't be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from unlearn.events.mapped.message import Message
from unlearn.events.mapped.tally import names_of
from unlearn.mapping.paths import Path, alternatives, read_path, under

__all__ = ["DISAGREE", "FieldPaths"]

DISAGREE: Final = "two paths of the mapping disagree"
_IDS = ("event_id", "record_id", "subject_id", "alias", "aliases")
_GATHERED = "aliases"
"""The field that is a list of all that its paths find."""
_NUMBERS = ("revision",)
_NO_NUMBER = "must be a string, and the mapping takes no numbers for ids"
_NOT_WHOLE = "must be a string, or a whole number in decimal digits"


class _Group(NamedTuple):
    """Paths of which the first counts that is there, and the names under which what they find is counted."""

    paths: tuple[Path, ...]
    counts: tuple[str, str] | None


class FieldPaths:
    """Where a field of one kind of event is. `row`: what `row/` stands for."""

    def __init__(self, kind: str, name: str, paths: tuple[str, ...], row: str, *, numeric_ids: bool = False) -> None:
        self.name, self._numeric_ids = name, numeric_ids
        groups = (under(text, row) for text in paths)
        self.groups = [_Group(tuple(map(read_path, alternatives(text))), names_of(kind, name, text)) for text in groups]

    def find(self, message: Message) -> tuple[Any, str]:
        """(the field's value, ""), (None, "") where no path leads to one, or (None, why it can't be told)."""
        found: list[Any] = []
        for group in self.groups:
            values = next(filter(None, (message.find(path) for path in group.paths)), [])
            if group.counts is not None:
                met, hit = group.counts
                message.tally[met] += 1
                if values:
                    message.tally[hit] += 1
            from_header = bool(values) and group.paths[0].root == "headers"
            for value in _members(values) if self.name == _GATHERED else values:
                ours, reason = self._ours(value, from_header=from_header)
                if reason:
                    return None, f"{self.name}: {reason}"
                found.append(ours)
        if self.name == _GATHERED:
            return found or None, ""
        if any(type(other) is not type(found[0]) or other != found[0] for other in found[1:]):
            return None, f"{self.name}: {DISAGREE}"
        return (found[0] if found else None), ""

    def _ours(self, value: Any, *, from_header: bool) -> tuple[Any, str]:
        if self.name in _IDS and not isinstance(value, str):
            if not self._numeric_ids or type(value) not in (int, float, bool):
                return None, _NO_NUMBER if type(value) in (int, float) else "must be a string"
            return (str(value), "") if type(value) is int else (None, _NOT_WHOLE)
        if self.name in _NUMBERS and from_header and isinstance(value, str) and value.isascii() and value.isdecimal():
            return int(value[:20]), ""
        return value, ""


def _members(values: Iterable[Any]) -> Iterator[Any]:
    """The values, and in place of each list what it holds."""
    for value in values:
        yield from value if isinstance(value, list) else (value,)
