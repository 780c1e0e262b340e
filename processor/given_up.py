"""What can't be sent is dead-lettered and stays open, as a possible deletion: a pure decision (DESIGN 3)."""

from __future__ import annotations

from processor.plan import COPIES, DEAD
from processor.view import Change, Unresolved, View

__all__ = ["leave_open"]


def leave_open(view: View, change: Change, offset: int, reason: str, *, nameless: bool = False) -> None:
    """The event at the offset gets a dead letter and stays unresolved.

    `nameless`: nobody can tell any more who waits for its receipt. What was applied still has a deadline.
    """
    pending = view.pending.get(offset)
    since, deadline = (pending.since, pending.deadline) if pending else (0, 0)
    if COPIES in view.outbox.get(offset, ()):
        # Some partitions never hear of it: what is unresolved must not be said to be hidden.
        change.drop("pending", offset)
    elif pending and nameless:
        change.put("pending", offset, pending._replace(receipt=False))
    change.put("outbox", offset, [DEAD, reason])
    change.put("unresolved", offset, Unresolved(reason, deadline, since))
