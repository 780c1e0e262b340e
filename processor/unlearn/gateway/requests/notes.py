"""Notes on callbacks, on the receipts topic: what was told to whom, so that no other gateway tells it again.

They stand among the receipts, with states of their own, which those who don't know them pass over.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unlearn.results.manifest import NoteState

__all__ = ["Note", "Place", "Told", "read_note"]

Place = tuple[int, int]
"""Partition and offset of an event."""
_MARK: Final = b'notified"'


class Told(NamedTuple):
    """What a callback says: the status, and how many records were erased, where that counts."""

    status: str
    records: int | None


class Note(BaseModel):
    """What a gateway told by a callback of the request whose event stands at this place. It is no receipt.

    notified: its URL has it. unnotified: it was given up after `tries`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    event_id: str
    state: NoteState
    partition: int = Field(description="where the sender put the event")
    offset: int
    callback: int = Field(description="which of the request's callbacks, from 0")
    status: str = Field(description="the request's, as it was told")
    records: int | None = Field(
        description="how many records were erased, as it was told; null where that doesn't count"
    )
    tries: int
    at: str | None = Field(description="when, in RFC 3339")

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
