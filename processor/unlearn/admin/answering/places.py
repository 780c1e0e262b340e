"""Where events stand first that other models have sent on: as their marks claim, if the log shows it. Pure.

Workers do the same (`unlearn.forwarding.foreign_copies`): what claims another place is an event of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unlearn.admin.answering.scan import Found
from unlearn.forwarding.reread import content_of
from unlearn.log.protocol import Record

__all__ = ["at_true_places"]

Place = tuple[int, int]


def at_true_places(found: Mapping[int, Sequence[Found]]) -> dict[int, list[Found]]:
    """The events by partition, each of which either stands first where it was read, or is sent on from a place where
    the same stands."""
    records = {_own_place(one): one.record for events in found.values() for one in events}
    return {partition: [_placed(one, records) for one in events] for partition, events in found.items()}


def _placed(one: Found, records: Mapping[Place, Record]) -> Found:
    original = records.get(one.place)
    if not one.claimed or (original is not None and content_of(original) == content_of(one.record)):
        return one
    return one._replace(place=_own_place(one), at=one.read_at)


def _own_place(one: Found) -> Place:
    return one.record.partition, one.record.offset
