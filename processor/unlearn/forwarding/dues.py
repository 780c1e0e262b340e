"""How the outbox writes down what must still be sent for an event, and how dead letters are counted by reason.

An entry is a list of words that name what is due. One for a dead letter is DEAD, the reason, and if the sender is owed
an answer REFUSED and two times of this answer; for one letter about many events it is DEAD, the reason, the last offset
and their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = [
    "ACCEPTED",
    "COPIES",
    "DEAD",
    "HOME",
    "IN_ORDER",
    "REFUSED",
    "Letter",
    "counter_of",
    "in_order",
    "letters_by_reason",
]

ACCEPTED, COPIES, HOME, DEAD, REFUSED = "accepted", "copies", "home", "dead", "refused"
"""In this order: a first receipt, copies to all other partitions, a forward home, a dead letter, a `refused` receipt.
"""
IN_ORDER = "in order"
"""Of a lift that is sent on: all that stands before it is sent on first, and nothing behind it until it has arrived."""

_MOVED = frozenset((HOME, COPIES))
_COUNTED = "dead:"
_MOST_REASONS = 100
_OTHERS = "other reasons"


class Letter(NamedTuple):
    """A dead letter to be sent: about one event, or about `total` events of which the last is at the offset `last`."""

    reason: str
    answers: bool = False
    last: int | None = None
    total: int = 1
    at: int | None = None
    """When the answer's event was refused, ms since 1970; None in entries of an earlier release."""
    deadline: int | None = None
    """The answer's deadline, as `at`."""

    def due(self) -> list[str]:
        """The letter as the words of an outbox entry."""
        if self.last is not None:
            return [DEAD, self.reason, str(self.last), str(self.total)]
        if not self.answers:
            return [DEAD, self.reason]
        times = [] if self.at is None or self.deadline is None else [str(self.at), str(self.deadline)]
        return [DEAD, self.reason, REFUSED, *times]

    @staticmethod
    def of(due: Sequence[str]) -> Letter:
        """The letter that an outbox entry describes; its first word must be DEAD."""
        _, reason, *more = due
        if more[:1] == [REFUSED]:
            at, deadline = map(int, more[1:]) if len(more) > 1 else (None, None)
            return Letter(reason, answers=True, at=at, deadline=deadline)
        return Letter(reason, last=int(more[0]), total=int(more[1])) if more else Letter(reason)


def in_order(outbox: Mapping[int, Sequence[str]]) -> list[int]:
    """The offsets of the entries that may be sent now, in order, given all: offset -> words, by rising offset.

    A lift that is sent on waits for all sent on before it, and all behind it wait for it: else a deletion from before
    it could come behind it where it is sent, or one that came later could be lifted.
    """
    first = next((offset for offset, due in outbox.items() if IN_ORDER in due), None)
    if first is None:
        return list(outbox)
    moving = {offset for offset, due in outbox.items() if not _MOVED.isdisjoint(due)}
    waits = min(moving) < first
    held = {offset for offset in moving if offset > first or (offset == first and waits)}
    return [offset for offset in outbox if offset not in held]


def counter_of(reason: str, *counted: Mapping[str, object]) -> str:
    """The name of the counter for dead letters of this reason. `counted` holds all counters that there are by now.

    There are at most 100 such counters; all further reasons share one.
    """
    name = _COUNTED + reason
    if any(name in names for names in counted):
        return name
    reasons = {one for names in counted for one in names if one.startswith(_COUNTED)}
    return name if len(reasons) < _MOST_REASONS else _COUNTED + _OTHERS


def letters_by_reason(counts: Mapping[str, str | int]) -> dict[str, int]:
    """Reason -> how many dead letters, of all counters of a partition; the most frequent first."""
    found = {name.removeprefix(_COUNTED): int(n) for name, n in counts.items() if name.startswith(_COUNTED)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
