"""Receipts: which event they answer, the place by which its sender knows it, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from json.encoder import encode_basestring
from typing import NamedTuple

from unlearn.events.event import Request
from unlearn.events.marks import Origin
from unlearn.events.partitioner import read_origin
from unlearn.log.protocol import Record
from unlearn.moments import rfc3339
from unlearn.partition.receipts.pending import Pending
from unlearn.settings import Settings
from unlearn.timestamps import parse_timestamp

__all__ = ["Addressee", "Answers", "addressee_of", "place_of", "sender_of"]

_Receipt = tuple[bytes, bytes]
"""Key and value of a record on the receipts topic."""


class Addressee(NamedTuple):
    """The event that a receipt answers: its id, the place where its sender put it, and when it was asked for.

    `requested_at`: in ms since 1970; None: it doesn't say. `applied_at`: the (partition, offset) where this partition's
    owner has applied it; None: it hasn't.
    """

    event_id: str
    partition: int
    offset: int
    requested_at: int | None = None
    applied_at: tuple[int, int] | None = None


def addressee_of(settings: Settings, event: Request, record: Record) -> Addressee:
    """The applied event to answer, as its sender knows it: of a forwarded or copied one, the place of the original."""
    return sender_of(event, record, _origin(settings, record))


def sender_of(event: Request, record: Record, origin: Origin | None) -> Addressee:
    """As `addressee_of`, where the record's origin has been read."""
    asked, place = parse_timestamp(event.requested_at), (record.partition, record.offset)
    return Addressee(event.event_id, *_first_place(record, origin), asked, place)


def place_of(settings: Settings, record: Record) -> tuple[int, int]:
    """(partition, offset) of the record as its sender put it."""
    return _first_place(record, _origin(settings, record))


def _origin(settings: Settings, record: Record) -> Origin | None:
    return read_origin(settings.secret_bytes, settings.model, record.headers) if record.headers else None


def _first_place(record: Record, origin: Origin | None) -> tuple[int, int]:
    return (record.partition, record.offset) if origin is None else (origin.partition, origin.offset)


@dataclass(frozen=True)
class Answers:
    """Writes the receipts of one model; the values are what `Receipt.encode` gives, at less cost."""

    model: str
    identity: str
    """As manifests bear it."""

    def accepted(self, to: Addressee, held: Pending) -> _Receipt:
        """The receipt for a deletion or a lift that was applied."""
        return self._written(to, "accepted", held, held.accepted, held.killed_at_once, None)

    def last(self, to: Addressee, held: Pending) -> _Receipt:
        """The receipt for a deletion that is hidden, or a lift that is in force.

        `held` says since when, and how many records it was about.
        """
        if held.lifts:
            return self._written(to, "lifted", held, held.hidden_at, None, None)
        met = None if held.hidden_at is None else held.hidden_at <= held.deadline
        return self._written(to, "hidden", held, held.hidden_at, held.records, met)

    def refused(self, to: Addressee, reason: str, at: int | None, deadline: int | None) -> _Receipt:
        """The receipt for what can't be applied; times in ms since 1970, None for unknown ones."""
        return to.event_id.encode(), (
            f"{self._begin(to, 'refused')}"
            f'"records":null,"requested_at":{_time(to.requested_at)},"accepted_at":null,"at":{_time(at)},'
            f'"deadline":{_time(deadline)},"met":null,"version":null,"reason":{encode_basestring(reason)}}}'
        ).encode()

    def _written(
        self, to: Addressee, state: str, held: Pending, at: int | None, records: int | None, met: bool | None
    ) -> _Receipt:
        version = held.version if state == "hidden" else None
        deadline = None if held.lifts else held.deadline
        return to.event_id.encode(), (
            f"{self._begin(to, state)}"
            f'"records":{_json(records)},"requested_at":{_time(to.requested_at)},"accepted_at":{_time(held.accepted)},'
            f'"at":{_time(at)},"deadline":{_time(deadline)},"met":{_json(met)},"version":{_json(version)},'
            f'"reason":null}}'
        ).encode()

    def _begin(self, to: Addressee, state: str) -> str:
        applied = "null"
        if to.applied_at is not None:
            applied = f'{{"partition":{to.applied_at[0]},"offset":{to.applied_at[1]}}}'
        return (
            f'{{"event_id":{encode_basestring(to.event_id)},"state":"{state}",{self._model}"partition":{to.partition},'
            f'"offset":{to.offset},"applied_at":{applied},'
        )

    @cached_property
    def _model(self) -> str:
        return f'"model":{encode_basestring(self.model)},"identity":{encode_basestring(self.identity)},'


@lru_cache(maxsize=4096)
def _time(ms: int | None) -> str:
    told = rfc3339(ms)
    return "null" if told is None else f'"{told}"'


def _json(value: float | None) -> str:
    if value is None:
        return "null"
    return str(value).lower()
