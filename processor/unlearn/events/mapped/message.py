"""A record as a mapping sees it: the JSON of its value and key, its headers, its time and place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from unlearn.events.frames import Frames
from unlearn.events.mapped.tally import Tally
from unlearn.events.marks import read_marks
from unlearn.events.scanning import Scan, scan
from unlearn.log.protocol import Record
from unlearn.mapping.mapping import Mapping
from unlearn.mapping.paths import TIME, Path, Pick

__all__ = ["NO_JSON", "At", "Message"]

NO_JSON = (ValueError, TypeError, AttributeError, RecursionError)
"""The errors that `scan` raises."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENVELOPE = frozenset(("schema", "payload"))

At = tuple[str | int, ...]
"""A position in a JSON document: names and indices, from the outermost on."""


@dataclass
class Message:
    """One record. `used` gathers what paths have found: positions in the value, and names of headers."""

    record: Record
    mapping: Mapping
    frames: Frames
    used: set[At] = field(default_factory=set)
    used_headers: set[str] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)

    @cached_property
    def held(self) -> Scan | None:
        """What the value holds; None where it is no JSON."""
        return self._scanned(self.record.value)

    @cached_property
    def value(self) -> Any:
        return self._whole(self.held)

    @cached_property
    def key(self) -> Any:
        held = self._scanned(self.record.key)
        return None if held is not None and held.repeats else self._whole(held)

    def find(self, path: Path) -> list[Any]:
        """What stands there, nulls left out, and noted as used."""
        if path.root == "record":
            return [self._time if path.steps == (TIME.split("/")[1],) else self._place]
        if path.root == "headers":
            return self._header(str(path.steps[0]))
        if path.root == "key":
            return _found(self.key, path, None) if path.steps else self._key_text()
        return _found(self.value, path, self.used)

    def _header(self, name: str) -> list[str]:
        values = [value.decode(errors="replace") for known, value in self.record.headers if known == name and value]
        if values:
            self.used_headers.add(name)
        return values

    def _key_text(self) -> list[str]:
        try:
            return [] if self.record.key is None else [self.record.key.decode()]
        except UnicodeDecodeError:
            return []

    @property
    def _time(self) -> str:
        """When the record, or the original of a copy, was appended."""
        marks = read_marks(self.record.headers)
        ms = marks[0].timestamp if marks else self.record.timestamp
        try:
            at = _EPOCH + timedelta(milliseconds=ms)
        except OverflowError:
            at = _EPOCH
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def _place(self) -> str:
        """A name for the record, or for the original of a copy."""
        marks = read_marks(self.record.headers)
        partition, offset = marks[0][1:3] if marks else (self.record.partition, self.record.offset)
        return f"place:{partition}/{offset}"

    def _scanned(self, data: bytes | None) -> Scan | None:
        if data is None:
            return None
        try:
            return scan(self.frames.opened(data), numbers=True)
        except NO_JSON:
            return None

    def _whole(self, held: Scan | None) -> Any:
        whole = held.whole if held is not None else None
        if self.mapping.enveloped and isinstance(whole, dict) and whole.keys() == _ENVELOPE:
            return whole["payload"]
        return whole


def _found(whole: Any, path: Path, used: set[At] | None) -> list[Any]:
    places: list[tuple[At, Any]] = [((), whole)]
    for step in path.steps:
        if isinstance(step, str) and len(places) == 1:
            at, value = places[0]
            places = [((*at, step), value[step])] if isinstance(value, dict) and step in value else []
        else:
            places = [found for at, value in places for found in _below(at, value, step)]
        if not places:
            return []
    places = [place for place in places if place[1] is not None]
    if used is not None:
        used.update(at for at, _ in places)
    return [value for _, value in places]


def _below(at: At, value: Any, step: str | Pick) -> list[tuple[At, Any]]:
    if isinstance(step, str):
        return [((*at, step), value[step])] if isinstance(value, dict) and step in value else []
    if isinstance(value, list):
        return [((*at, i), each) for i, each in enumerate(value) if _has(each, step)]
    return [(at, value)] if _has(value, step) else []


def _has(value: Any, step: Pick) -> bool:
    return isinstance(value, dict) and value.get(step.name) == step.text
