"""What can't be sent is dead-lettered, and a deletion stays open, as a possible one: pure decisions (DESIGN 3)."""

from __future__ import annotations

from typing import NamedTuple

from unlearn.ingest.dues import COPIES, Letter, counter_of
from unlearn.partition.tables import Change, Tables, Unresolved

__all__ = ["Wait", "mark_unresolved", "put_letter"]


class Wait(NamedTuple):
    """Since when a deletion waits, and until when it should; ms since the epoch."""

    since: int
    deadline: int


def put_letter(view: Tables, change: Change, offset: int, letter: Letter) -> None:
    """A dead letter for an event that was applied before, counted."""
    counted = change.tables.get("meta", {})
    name = counter_of(letter.reason, view.meta, counted)
    change.put("meta", name, int(counted.get(name, view.number(name))) + 1)
    change.put("outbox", offset, letter.due())


def mark_unresolved(
    view: Tables, change: Change, offset: int, letter: Letter, wait: Wait, *, nameless: bool = False
) -> None:
    """The event at the offset gets a dead letter and stays unresolved, by its own times where it has some.

    `nameless`: nobody can tell any more who waits for its receipt. What was applied still has a deadline.
    """
    pending = view.pending.get(offset)
    since, deadline = (pending.since, pending.deadline) if pending else wait
    if COPIES in view.outbox.get(offset, ()):
        # Some partitions never hear of it: what is unresolved must not be said to be hidden.
        change.drop("pending", offset)
    elif pending and nameless:
        change.put("pending", offset, pending._replace(receipt=False))
    put_letter(view, change, offset, letter)
    change.put("unresolved", offset, Unresolved(letter.reason, deadline, since))
