"""Receipts: which event they answer, and the place by which its sender knows it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from unlearn.events.partitioner import read_origin
from unlearn.log.protocol import Record
from unlearn.results.manifest import Receipt
from unlearn.settings import Settings

__all__ = ["Addressee", "addressee_of", "receipt_to"]


class Addressee(NamedTuple):
    """The event that a receipt answers: its id, and the place where its sender put it."""

    event_id: str
    partition: int
    offset: int


def addressee_of(settings: Settings, event_id: str, record: Record) -> Addressee:
    """The event to answer, as its sender knows it: of a forwarded or copied event, the place of the original."""
    origin = read_origin(settings.secret_bytes, settings.model, record.headers) if record.headers else None
    place = (record.partition, record.offset) if origin is None else (origin.partition, origin.offset)
    return Addressee(event_id, *place)


def receipt_to(
    to: Addressee,
    state: Literal["accepted", "refused", "hidden"],
    version: int | None = None,
    reason: str | None = None,
) -> tuple[bytes, bytes]:
    """Key and value of a record on the receipts topic."""
    receipt = Receipt(
        event_id=to.event_id, state=state, partition=to.partition, offset=to.offset, version=version, reason=reason
    )
    return to.event_id.encode(), receipt.encode()
