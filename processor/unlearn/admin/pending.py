"""Which deletions of the model are open, why each is, and what it waits for, by the tables of its partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple

from unlearn.forwarding.dues import COPIES, HOME
from unlearn.partition.tables import Pending, StillOpen, Tables

__all__ = ["OpenDeletion", "Partition", "first_open", "open_deletions"]

_UNKNOWN = 0
"""The time of what has none. As a deadline it is overdue."""
HIDING, LEAVING = "applied, and not hidden yet", "not sent home to its partition yet"


class Partition(NamedTuple):
    """What is known of one partition: its tables, why its owner stopped and what that waits for (empty if neither), and
    the shards whose newest state holds a dead row."""

    view: Tables
    stopped: str = ""
    trouble: str = ""
    training: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenDeletion:
    """A deletion that is open, or `count` possible ones with one reason, from `offset` to `last`.

    Times are in ms since 1970, 0 where unknown. What isn't sent home yet may be an insert: only its record tells.
    """

    partition: int
    offset: int
    last: int
    count: int
    since: int
    deadline: int
    why: str
    waits_for: tuple[str, ...]


def open_deletions(found: Mapping[int, Partition], partitions: int) -> list[OpenDeletion]:
    """All that are open, by deadline. `found`: of each partition of the topic; `partitions`: those of the model."""
    rows = [_row(one, found, partitions) for one in _waiting(found)]
    rows += [_of_open(number, held) for number, one in found.items() for held in one.view.still_open()]
    return sorted(rows, key=lambda row: (row.deadline, row.partition, row.offset))


def first_open(found: Mapping[int, Partition], partitions: int, most: int) -> tuple[list[OpenDeletion], int]:
    """The first `most` by deadline, but possible ones, and how many there are in all."""
    waiting = list(_waiting(found))
    first = nsmallest(most, waiting, key=lambda one: (one.deadline, one.partition, one.offset))
    return [_row(one, found, partitions) for one in first], len(waiting)


class _Waiting(NamedTuple):
    """A deletion that is not hidden; `held` is None of what isn't sent home yet."""

    deadline: int
    partition: int
    offset: int
    held: Pending | None


def _waiting(found: Mapping[int, Partition]) -> Iterator[_Waiting]:
    for number, one in found.items():
        for offset, held in one.view.pending.items():
            if held.receipt:
                yield _Waiting(held.deadline, number, offset, held)
        for offset, due in one.view.outbox.items():
            if HOME in due:
                yield _Waiting(_UNKNOWN, number, offset, None)


def _row(one: _Waiting, found: Mapping[int, Partition], partitions: int) -> OpenDeletion:
    number, offset, held = one.partition, one.offset, one.held
    if held is None:
        waits_for: tuple[str, ...] = ("its forward home to be acknowledged" + _behind(found[number]),)
        return OpenDeletion(number, offset, offset, 1, _UNKNOWN, _UNKNOWN, LEAVING, waits_for)
    waits_for = tuple(_waits_for(number, offset, held, found, partitions))
    return OpenDeletion(number, offset, offset, 1, held.since, held.deadline, HIDING, waits_for)


def _waits_for(
    number: int, offset: int, held: Pending, found: Mapping[int, Partition], partitions: int
) -> Iterator[str]:
    """What keeps a pending deletion open, the first thing first."""
    own = found[number]
    due = own.view.outbox.get(offset, ())
    if due:
        what = "copies to other partitions" if COPIES in due else "`accepted` receipt"
        yield f"its {what} to be acknowledged" + _behind(own)
    places = [(number, offset)] if number < partitions else []
    places += [(int(partition), place) for partition, place in (held.copies or {}).items()]
    lacking = [(other, place) for other, place in places if not _shows(found, other, place)]
    for other, place in lacking:
        yield f"a manifest of partition {other} that covers offset {place}" + _why_none(found.get(other), place)
    if not due and not lacking:
        cleaning = any(cleanup.death == offset for cleanup in own.view.cleanups.values())
        what = "the clean-up of its subject's rows" if cleaning else "its `hidden` receipt to be acknowledged"
        yield what + _behind(own)


def _shows(found: Mapping[int, Partition], partition: int, place: int) -> bool:
    return partition in found and found[partition].view.number("published_applied") > place


def _why_none(one: Partition | None, place: int) -> str:
    """Why a partition's manifest may not have come so far."""
    if one is None or "token" not in one.view.meta:
        return ": no worker has claimed it"
    if one.view.applied <= place and not one.stopped:
        return f": applied up to {one.view.applied}" + _behind(one)
    if one.training and not one.stopped:
        return f": training shard {', '.join(map(str, one.training))}" + _behind(one)
    return _behind(one)


def _behind(one: Partition) -> str:
    """What stands in the way of a partition's owner."""
    if one.stopped:
        return f"; its owner is stopped: {one.stopped}"
    return f"; its owner waits: {one.trouble}" if one.trouble else ""


def _of_open(number: int, held: StillOpen) -> OpenDeletion:
    place, times = (number, held.first, held.last, held.total), (held.since, held.deadline)
    return OpenDeletion(*place, *times, held.reason, ("an operator: `unlearn resolve` closes it",))
