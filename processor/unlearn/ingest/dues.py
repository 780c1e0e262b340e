"""What the outbox still owes for an event, and how dead letters are counted.

An outbox entry is a list of words: what is to be sent. A dead letter's begins with DEAD and the reason; then
comes REFUSED where the sender is owed an answer, or, where one letter speaks of many, their last and how many they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["ACCEPTED", "COPIES", "DEAD", "HOME", "REFUSED", "Letter", "counter_of", "letters_by_reason"]

ACCEPTED, COPIES, HOME, DEAD, REFUSED = "accepted", "copies", "home", "dead", "refused"
"""A receipt, copies to every other partition, sending home, a dead letter, a receipt that says no."""

_COUNTED = "dead:"
_MOST_REASONS = 100
_OTHERS = "other reasons"


class Letter(NamedTuple):
    """A dead letter to be sent: of one event, or of `total` of them up to `last`."""

    reason: str
    answers: bool = False
    last: int | None = None
    total: int = 1

    def due(self) -> list[str]:
        """As the outbox keeps it."""
        if self.last is not None:
            return [DEAD, self.reason, str(self.last), str(self.total)]
        return [DEAD, self.reason, *([REFUSED] if self.answers else [])]

    @staticmethod
    def of(due: Sequence[str]) -> Letter:
        """The letter of an entry that begins with DEAD."""
        _, reason, *more = due
        if len(more) > 1:
            return Letter(reason, last=int(more[0]), total=int(more[1]))
        return Letter(reason, answers=more == [REFUSED])


def counter_of(reason: str, *counted: Mapping[str, object]) -> str:
    """The name of the counter for letters of this reason, given all counters there are: they never become many."""
    name = _COUNTED + reason
    if any(name in names for names in counted):
        return name
    reasons = {one for names in counted for one in names if one.startswith(_COUNTED)}
    return name if len(reasons) < _MOST_REASONS else _COUNTED + _OTHERS


def letters_by_reason(counts: Mapping[str, str | int]) -> dict[str, int]:
    """Reason -> how many dead letters, of all counters of a partition; the most frequent first."""
    found = {name.removeprefix(_COUNTED): int(n) for name, n in counts.items() if name.startswith(_COUNTED)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
