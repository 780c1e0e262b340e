"""How long a merged manifest may be served: pure decisions about heartbeats, tokens and time.

A heartbeat tells that its owner still holds the partition at the moment it is appended. A scorer that was cut
off reads many of them late, so none may count from its reading: each counts from the last look at the log's
end that found it not yet there. So nothing is served longer than the lease after the heartbeat was appended.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from unlearn.results.manifest import Heartbeat, Manifest
from unlearn.results.results_topic import Published

__all__ = ["Ends", "is_newest_owner", "vouched_at", "vouches"]


@dataclass(slots=True)
class Ends:
    """Where the log's end was at moments of the own monotonic clock."""

    _ends: list[int] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    def look(self, end: int, at: float) -> None:
        """The end was at least `end` at the moment `at`, taken before the log was asked."""
        if self._ends and end < self._ends[-1]:
            self.clear()  # the log was cut: what was seen of it says nothing now
        if self._ends and self._ends[-1] == end:
            self._times[-1] = at
        else:
            self._ends.append(end)
            self._times.append(at)

    def date(self, offset: int) -> float | None:
        """A moment before the record at `offset` was appended, the last one known; None if none is."""
        at = bisect_right(self._ends, offset) - 1
        return self._times[at] if at >= 0 else None

    def forget_below(self, position: int) -> None:
        """Drop what no record from `position` on needs."""
        keep = max(0, bisect_right(self._ends, position) - 1)
        del self._ends[:keep], self._times[:keep]

    def clear(self) -> None:
        self._ends.clear()
        self._times.clear()


def vouches(beat: Heartbeat, merged: Manifest) -> bool:
    """Whether the heartbeat's owner is the manifest's, and names it or an earlier one of its own.

    An earlier one, because a heartbeat may go out while the newer manifest waits for its acknowledgement. It
    proves the same: at that moment the owner held its token, and its later manifests hold less of the dead.
    """
    same = (beat.counter, beat.nonce) == (merged.token.counter, merged.token.nonce)
    return same and beat.sequence <= merged.sequence


def vouched_at(held: Published, merged: Manifest, before: float | None) -> float | None:
    """When `merged` was last vouched for; `before` is what was known of that."""
    if held.heartbeat is None or held.heartbeat_at is None or not vouches(held.heartbeat, merged):
        return before
    return held.heartbeat_at if before is None else max(before, held.heartbeat_at)


def is_newest_owner(held: Published, merged: Manifest) -> bool:
    return merged.token.counter == held.highest_counter
