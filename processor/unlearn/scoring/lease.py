"""How long a merged manifest may be served: pure decisions about heartbeats, tokens and time.

A heartbeat says that its owner held the partition at the moment when it was appended. A scorer that was cut off reads
many of them late, so the moment of reading proves nothing. A heartbeat counts from the last look at the log's end that
found it not there yet. So nothing is served for longer than the lease after the heartbeat was appended.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from unlearn.results.manifest import Heartbeat, Manifest
from unlearn.results.results_topic import Published

__all__ = ["Ends", "is_newest_owner", "vouched_at", "vouches"]


@dataclass(slots=True)
class Ends:
    """Where the topic's end was, at moments of this process's monotonic clock (seconds)."""

    _ends: list[int] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    def look(self, end: int, at: float) -> None:
        """Note that the end was at least `end` at the moment `at`, which was taken before the log was asked."""
        if self._ends and end < self._ends[-1]:
            self.clear()  # the log was cut: what was seen of it says nothing now
        if self._ends and self._ends[-1] == end:
            self._times[-1] = at
        else:
            self._ends.append(end)
            self._times.append(at)

    def date(self, offset: int) -> float | None:
        """The last known moment before the record at `offset` was appended; None if no such moment is known."""
        at = bisect_right(self._ends, offset) - 1
        return self._times[at] if at >= 0 else None

    def forget_below(self, position: int) -> None:
        """Drop the moments that no record from `position` on can be dated by."""
        keep = max(0, bisect_right(self._ends, position) - 1)
        del self._ends[:keep], self._times[:keep]

    def clear(self) -> None:
        """Drop all moments."""
        self._ends.clear()
        self._times.clear()


def vouches(beat: Heartbeat, merged: Manifest) -> bool:
    """Whether the heartbeat comes from the manifest's owner, and names this manifest or an earlier one of that owner.

    An earlier one is as good: a heartbeat may go out while the newer manifest waits for its acknowledgement. It proves
    that the owner held its token at that moment, and the owner's later manifests hold no more dead rows than its
    earlier.
    """
    same = (beat.counter, beat.nonce) == (merged.token.counter, merged.token.nonce)
    return same and beat.sequence <= merged.sequence


def vouched_at(held: Published, merged: Manifest, before: float | None) -> float | None:
    """When a heartbeat last vouched for `merged` (monotonic seconds), given `before`, the moment known so far."""
    if held.heartbeat is None or held.heartbeat_at is None or not vouches(held.heartbeat, merged):
        return before
    return held.heartbeat_at if before is None else max(before, held.heartbeat_at)


def is_newest_owner(held: Published, merged: Manifest) -> bool:
    """Whether no counter above the manifest's was seen on its partition."""
    return merged.token.counter == held.highest_counter
