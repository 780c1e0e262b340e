"""Records that plain parsing doesn't settle: messages of a mapping, nulls under a key, our JSON behind a frame.

Our own JSON is read under every mapping: owners append seals, operators send deletions, and what is sent on may be
shortened to it. Where a message is an event of ours and another one by the mapping, it stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from unlearn.events.event import ORIGIN, BadInsert, Delete, Empty, Insert, Parsed, Request, Seal, Unreadable
from unlearn.events.frames import Frames
from unlearn.events.mapped.message import Message
from unlearn.events.mapped.tally import Tally
from unlearn.events.mapped.translation import TOMBSTONE, Translated, Translator
from unlearn.events.possible_deletions.other_words import with_headers
from unlearn.log.protocol import Record
from unlearn.mapping.reading import Reading

__all__ = ["TWO_READINGS", "MappedReader"]

TWO_READINGS: Final = "an event of ours, and by the mapping another one"

Parse = Callable[[bytes, int | None], Parsed]
"""Judges our own JSON; the second is when it was appended, in ms, or None."""


class MappedReader:
    """Reads by a mapping; `types`: the words of our own types."""

    def __init__(self, reading: Reading, frames: Frames, parse: Parse, types: Collection[object]) -> None:
        self._frames = frames
        self._reading, self._parse, self._types = reading, parse, types
        self._translator = Translator(reading.mapping)
        self._with_headers = partial(with_headers, states=reading.knows_states)

    def read(self, record: Record, at: int | None, tally: Tally | None = None) -> Parsed:
        """What the record is, its headers considered. `at` as in `Parser.parse`; `tally` counts what paths find."""
        message = Message(record, self._reading.mapping, self._frames, tally=Tally() if tally is None else tally)
        mapped = self._translator.translate(message)
        if mapped is None:
            return self._with_headers(self._unmapped(message, at), record.headers)
        found = self._judged(mapped, message, at)
        own = self._own(message, at)
        if own is None:
            return self._with_headers(
                found, [header for header in record.headers if header[0] not in message.used_headers]
            )
        agrees = _same(own, found) or not isinstance(found, Insert | Request)
        # What is sent on is as it came, and was applied, or was shortened to our own JSON.
        sent_on = any(name == ORIGIN for name, _ in record.headers)
        deletes = mapped.kind == "delete" and not isinstance(own, Delete)
        if deletes or not (agrees or sent_on):
            return Unreadable(TWO_READINGS)
        return self._with_headers(own, record.headers)

    def json_of(self, record: Record) -> bytes | None:
        """Our own JSON for the record, as far as it can be told, whether or not it is an event."""
        message = Message(record, self._reading.mapping, self._frames)
        mapped = self._translator.translate(message)
        if mapped is not None:
            return mapped.json
        if record.value is not None:
            return self._frames.opened(record.value)
        deletes = record.key is not None and self._reading.tombstones == "delete"
        return self._translator.tombstone(message).json if deletes else None

    def _unmapped(self, message: Message, at: int | None) -> Parsed:
        """What a record is that has no form of the mapping."""
        if message.record.value is not None:
            return self._parse(message.record.value, at)
        if message.record.key is None or self._reading.tombstones == "ignore":
            return Empty()
        if self._reading.tombstones == "refuse":
            return Unreadable(TOMBSTONE)
        return self._judged(self._translator.tombstone(message), message, at)

    def _own(self, message: Message, at: int | None) -> Insert | Request | Seal | None:
        """The event of ours that the value is by itself."""
        held = message.held
        if held is None or not any(isinstance(kind, str) and kind in self._types for kind in held.types()):
            return None
        found = self._parse(message.record.value or b"", at)
        return found if isinstance(found, Insert | Request | Seal) else None

    def _judged(self, mapped: Translated, message: Message, at: int | None) -> Parsed:
        reason, found = mapped.reason, None
        if not reason and mapped.json is not None:
            found = self._parse(mapped.json, at)
            if not isinstance(found, BadInsert | Unreadable):
                return found
            reason = found.reason
        held = message.held
        refuses = mapped.kind in ("insert", "lift") and not mapped.may_delete and not isinstance(found, Unreadable)
        if refuses and held is not None and not held.holds_delete():
            return BadInsert(reason, answers=mapped.kind == "lift")
        return Unreadable(reason)


def _same(own: Parsed, found: Parsed) -> bool:
    """Whether both are one event, whatever its id."""
    if not isinstance(own, Insert | Request) or type(own) is not type(found):
        return False
    return own.model_copy(update={"event_id": ""}) == found.model_copy(update={"event_id": ""})
