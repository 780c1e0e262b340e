"""Which callbacks are due, and when a failed one is tried again: pure decisions."""

from __future__ import annotations

from typing import Final

from unlearn.gateway.requests.request import Request, Standing

__all__ = ["COUNT_WITHIN", "due_at", "pause_after"]

COUNT_WITHIN: Final = 30_000
"""Ms that the news of a completed request wait for the count of what was erased."""
_FIRST, _LONGEST = 1.0, 300.0


def due_at(request: Request, number: int, standing: Standing) -> int | None:
    """When this callback is due, in ms since 1970 UTC; 0 at once; None where it has nothing to tell.

    Status URLs are told of every status but the first, and of a count that comes late; Fides of the end alone.
    """
    note = request.told.get(number)
    if standing.status == "pending" or (note is not None and note.told == standing.told):
        return None
    fides = request.ticket.callbacks[number].token is not None
    if fides and (standing.status != "completed" or note is not None):
        return None
    if standing.status == "completed" and standing.records is None:
        return (standing.ended or 0) + COUNT_WITHIN
    return 0


def pause_after(tries: int, chance: float) -> float:
    """Seconds from the failed try of this number, from 1, to the next: twice as many each time up to five minutes, by
    `chance` (0 to 1) between half and all of it."""
    longest = min(_LONGEST, _FIRST * 2.0 ** min(tries - 1, 20))
    return longest * (0.5 + chance / 2)
