"""Receipts: which event they answer, and the place by which its sender knows it."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Literal, NamedTuple

from unlearn.events.marks import Origin
from unlearn.events.partitioner import read_origin
from unlearn.log.protocol import Record
from unlearn.settings import Settings

__all__ = ["Addressee", "addressee_of", "receipt_to", "sender_of"]


class Addressee(NamedTuple):
    """The event that a receipt answers: its id, and the place where its sender put it."""

    event_id: str
    partition: int
    offset: int


def addressee_of(settings: Settings, event_id: str, record: Record) -> Addressee:
    """The event to answer, as its sender knows it: of a forwarded or copied event, the place of the original."""
    origin = read_origin(settings.secret_bytes, settings.model, record.headers) if record.headers else None
    return sender_of(event_id, record, origin)


def sender_of(event_id: str, record: Record, origin: Origin | None) -> Addressee:
    """As `addressee_of`, where the record's origin has been read."""
    if origin is None:
        return Addressee(event_id, record.partition, record.offset)
    return Addressee(event_id, origin.partition, origin.offset)


def receipt_to(
    to: Addressee,
    state: Literal["accepted", "refused", "hidden"],
    version: int | None = None,
    reason: str | None = None,
) -> tuple[bytes, bytes]:
    """Key and value of a record on the receipts topic; the value is what `Receipt.encode` gives, at less cost."""
    told = "null" if reason is None else encode_basestring(reason)
    since = "null" if version is None else version
    value = (
        f'{{"event_id":{encode_basestring(to.event_id)},"state":"{state}","partition":{to.partition},'
        f'"offset":{to.offset},"version":{since},"reason":{told}}}'
    )
    return to.event_id.encode(), value.encode()
