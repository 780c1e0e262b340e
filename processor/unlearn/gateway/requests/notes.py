"""Notes on callbacks, on the receipts topic: what was told to whom, so that no other gateway tells it again.

They are states of their own among the receipts, which those who don't know them pass over.
"""

from __future__ import annotations

import json
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

__all__ = ["Note", "Place", "Told", "read_note"]

Place = tuple[int, int]
"""Partition and offset of an event."""
_MARK: Final = b'notified"'


class Told(NamedTuple):
    """What a callback says: the status, and how many records were erased, where that counts."""

    status: str
    records: int | None


class Note(BaseModel):
    """Of one callback of the request whose event stands at this place.

    notified: its URL has it. unnotified: it was given up after `tries`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    event_id: str
    state: Literal["notified", "unnotified"]
    partition: int
    offset: int
    callback: int
    status: str
    records: int | None
    tries: int
    at: str | None

    @property
    def told(self) -> Told:
        return Told(self.status, self.records)

    def encoded(self) -> bytes:
        """As it stands on the topic."""
        return json.dumps(self.model_dump()).encode()


def read_note(value: bytes | None) -> Note | None:
    """The note in these bytes; None if they aren't one."""
    if value is None or _MARK not in value:
        return None
    try:
        return Note.model_validate_json(value)
    except ValidationError:
        return None
