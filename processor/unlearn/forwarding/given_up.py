"""Events that can't be sent on get a dead letter; deletions among them stay open (docs/design.md, section 3). Pure."""

from __future__ import annotations

from typing import NamedTuple

from unlearn.forwarding.dues import COPIES, Letter, counter_of
from unlearn.partition.tables import Change, Tables, Unresolved

__all__ = ["Wait", "mark_unresolved", "put_letter"]


class Wait(NamedTuple):
    """Since when a deletion waits, and its deadline; both in ms since the epoch."""

    since: int
    deadline: int


def put_letter(view: Tables, change: Change, offset: int, letter: Letter) -> None:
    """Add to the change a dead letter for an event that was applied before, and count it."""
    counted = change.tables.get("meta", {})
    name = counter_of(letter.reason, view.meta, counted)
    change.put("meta", name, int(counted.get(name, view.number(name))) + 1)
    change.put("outbox", offset, letter.due())


def mark_unresolved(
    view: Tables, change: Change, offset: int, letter: Letter, wait: Wait, *, nameless: bool = False
) -> None:
    """Give the event at the offset a dead letter, and keep it open as a possible deletion, to be closed by an operator.

    It keeps the times of the pending deletion if there is one, else it gets those of `wait`. `nameless`: nobody can
    tell any more who waits for the receipt, so a deletion that was applied stays pending without one.
    """
    pending = view.pending.get(offset)
    since, deadline = (pending.since, pending.deadline) if pending else wait
    if COPIES in view.outbox.get(offset, ()):
        # Some partitions never get a copy, so this deletion must not be reported as hidden.
        change.drop("pending", offset)
    elif pending and nameless:
        change.put("pending", offset, pending._replace(receipt=False))
    put_letter(view, change, offset, letter._replace(deadline=deadline))
    change.put("unresolved", offset, Unresolved(letter.reason, deadline, since))
