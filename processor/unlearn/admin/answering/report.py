"""What `unlearn answer` tells, as JSON: its schema is `answer` of `unlearn schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from unlearn.results.manifest import Moment, Position

__all__ = ["Answer", "Cause", "EventTold", "Outcome", "ReceiptTold", "RowTold", "SeenTold", "State"]

State = Literal["member", "forgotten", "unknown"]
Outcome = Literal["inserted", "updated", "refused", "ignored", "deleted", "lifted", "waiting"]
"""What became of an event.

inserted: it became a row. updated: a row in place of one with a lower revision. refused: what it names is forgotten, or
it can't be applied. ignored: it changes nothing, for `reason`. deleted, lifted: it is applied. waiting: not yet.
"""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Cause(_Told):
    """Another event, by which something came about."""

    type: Literal["insert", "delete", "lift"]
    event_id: str
    record_id: str | None
    subject_id: str | None
    alias: str | None = Field(default=None, description="of a request that names whom an alias names")
    partition: int = Field(description="where its sender put it")
    offset: int
    at: Moment


class SeenTold(_Told):
    """A version of the model."""

    version: int = Field(description="offset of a manifest on the results topic")
    at: Moment
    exact: bool = Field(description="false: it may be another near it, as some versions of that time aren't known")


class RowTold(_Told):
    """The row that an insert became, and the versions that held it."""

    partition: int
    shard: int
    slot: int = Field(description="its offset in the partition")
    ended: Cause | None = Field(description="what killed it; null while it lives")
    first_version: SeenTold | None = Field(description="the first that held it")
    last_version: SeenTold | None = Field(description="the last that held it; null also while the newest one does")
    without: SeenTold | None = Field(description="the first after the last that held it")
    versions_known: bool = Field(description="whether all versions of its time are known")


class ReceiptTold(_Told):
    """A receipt that was sent for the event."""

    state: str
    at: Moment
    records: int | None
    version: int | None
    deadline: Moment
    met: bool | None
    reason: str | None


class EventTold(_Told):
    """One event and what became of it."""

    type: Literal["insert", "delete", "lift"] | None = Field(description="null where only receipts tell of it")
    event_id: str
    record_id: str | None
    subject_id: str | None
    alias: str | None = Field(default=None, description="of a request that names whom an alias names")
    revision: int | None
    scope: str | None
    partition: int = Field(description="where its sender put it")
    offset: int
    at: Moment = Field(description="when it was put there")
    applied_at: Position | None = Field(description="where it counts; null while it is to be sent there")
    outcome: Outcome
    reason: str | None
    because: Cause | None = Field(description="the deletion that refuses it, or the insert whose row stands instead")
    row: RowTold | None
    receipts: tuple[ReceiptTold, ...]


class Answer(_Told):
    """What is known of a record, a subject or an event."""

    record_id: str | None = None
    subject_id: str | None = None
    event_id: str | None = None
    state: State | None = Field(description="null for an event of which something is known")
    since: Cause | None = Field(description="the insert since which it is a member, or the deletion; null: not known")
    holds: bool | None = Field(description="whether that deletion still refuses what comes; null: none, or unknown")
    events: tuple[EventTold, ...] = Field(description="by time")
    notes: tuple[str, ...] = Field(description="what isn't known, and why")
