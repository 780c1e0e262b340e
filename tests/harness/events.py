"""The events that tests send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from unlearn.events.event import Delete, Event, Insert, Lift, Seal, encode
from unlearn.events.partitioner import event_key, home
from unlearn.log.protocol import Producer
from unlearn.settings import Settings

__all__ = ["SEAL", "SEAL_BYTES", "Placed", "at", "delete", "insert", "lift", "placed", "send"]

SEAL = Seal()
SEAL_BYTES = encode(SEAL)


def insert(record: str, subject: str | None = None, revision: int = 0, **more: Any) -> Insert:
    """Of spam that says "a b", unless said otherwise."""
    content = {} if "features" in more else {"text": "a b"}
    given: dict[str, Any] = {"event_id": f"e-{record}-{revision}", "label": "spam"}
    return Insert(record_id=record, subject_id=subject, revision=revision, **{**given, **content, **more})


def delete(record: str | None = None, subject: str | None = None, revision: int | None = None, **more: Any) -> Delete:
    given: dict[str, Any] = {"event_id": f"d-{record}-{subject}", "requested_at": "2023-01-01"}
    return Delete(record_id=record, subject_id=subject, revision=revision, **{**given, **more})


def lift(record: str | None = None, subject: str | None = None, **more: Any) -> Lift:
    given: dict[str, Any] = {"event_id": f"l-{record}-{subject}", "requested_at": "2023-01-01"}
    return Lift(record_id=record, subject_id=subject, **{**given, **more})


class Placed(NamedTuple):
    """A message and the partition that is its home."""

    partition: int
    key: bytes | None
    value: bytes


def placed(event: Event, partitions: int) -> Placed:
    """As a right producer sends it; a seal goes to partition 0."""
    if isinstance(event, Seal):
        return Placed(0, None, encode(event))
    key = event_key(event)
    return Placed(home(key, partitions), key, encode(event))


def send(producer: Producer, settings: Settings, events: Iterable[Event]) -> None:
    """All of them, each to its home."""
    for event in events:
        producer.send(settings.events_topic, *placed(event, settings.partitions))
    producer.flush(30)


def at(partition: int, count: int = 2, prefix: str = "s") -> str:
    """An id whose home is the partition."""
    return next(name for i in range(10_000) if home((name := f"{prefix}{i}").encode(), count) == partition)
