"""A dead letter: what goes to the dead-letters topic of events that were not applied."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DeadLetter"]


class DeadLetter(BaseModel):
    """An event that was not applied, or some with one reason. It holds nothing of what they say."""

    model_config = ConfigDict(frozen=True)

    partition: int = Field(description="where the event stands in the events topic")
    offset: int
    digest: str | None = Field(description="keyed hash of the record; null where it can't be read any more")
    reason: str = Field(description="why it was not applied; reasons are few and fixed")
    last: int | None = Field(None, description="of many: the offset of the last")
    count: int | None = Field(None, description="of many: how many events")

    def encode(self) -> bytes:
        """The letter as JSON bytes, without what it doesn't say."""
        return self.model_dump_json(exclude_unset=True).encode()
