"""What is shown of one partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from unlearn.results.manifest import ShardState

__all__ = ["DIRTY", "Deletions", "PartitionStatus", "ShardStatus"]

DIRTY = ("withdrawn", "left-out")
_OTHERWISE = ("deletions", "counter", "nonce", "paths")


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One shard as Redis holds it now; `status` is what a manifest of this moment would say.

    rows         live ones, in ended slices and in the open one
    slices       ended slices in which the shard had rows
    checkpoints  stored states; a learner that forgets keeps one
    through      the offset before which that manifest would hold all of the shard's rows
    """

    shard: int
    status: ShardState
    rows: int
    slices: int
    checkpoints: int
    through: int = 0


@dataclass(frozen=True, slots=True)
class Deletions:
    """Deletions under way. Ages in s since they were appended to the log; None where there is none.

    pending     applied, and not yet reported hidden; `overdue` of them are past their deadline
    uncounted   reported hidden, but not yet how many rows they killed
    unresolved  possible deletions that could not be read or sent on; `unresolved_overdue` of them are past their
                deadline. Many of one reason are kept as one range, which has the deadline of its earliest
    """

    pending: int = 0
    oldest_pending: float | None = None
    overdue: int = 0
    unresolved: int = 0
    oldest_unresolved: float | None = None
    unresolved_overdue: int = 0
    uncounted: int = 0


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition of the events topic.

    applied      the next offset to apply; None before the first claim. `lag` is the log's end less that
    owner        host and process that claimed it last, with its token
    records      live; the rows of a deleted subject count until its clean-up has buried them
    cleaning_up  deleted subjects whose rows are still being buried
    heartbeat_age  s since the newest heartbeat was appended, by this machine's clock
    stopped      why its owner stopped; None if it goes on
    trouble      what its owner waited for in the last seconds, such as room in the store; None if nothing
    forwards_only  it came after the model was made: its events are sent home
    quarantined  shards whose training was given up
    resolved     possible deletions that operators closed
    dead_letters  how many by reason, since the model was made
    passed_over  readable inserts that changed nothing, by reason
    paths        how often each path of the mapping was looked for, and found something
    refused_updates  dead letters, as far as they can be read, whose records keep an older revision
    quiet        whether its owner takes no events, as `unlearn quiet` asked
    held_back    offsets at the log's end that nobody can read yet, as a producer's transaction is open before them
    """

    partition: int
    applied: int | None
    end: int
    lag: int
    owner: str | None
    counter: int | None
    nonce: str | None
    records: int
    tombstones: int
    holes: int
    cleaning_up: int
    dirty_shards: int
    deletions: Deletions
    heartbeat_age: float | None
    stopped: str | None
    trouble: str | None
    forwards_only: bool
    shards: tuple[ShardStatus, ...]
    quarantined: tuple[int, ...] = ()
    resolved: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    refused_updates: int = 0
    paths: Mapping[str, int] = field(default_factory=dict)
    quiet: bool = False
    held_back: int = 0

    def is_behind(self, lease: float, begun: bool) -> bool:
        """Whether something of it is late, or nobody seems to work on it who should. `begun`: as of `is_unworked`."""
        late = self.deletions.overdue + self.deletions.unresolved_overdue + len(self.quarantined)
        return late > 0 or self.is_unworked(lease, begun) or (self.lag > 0 and self.quiet)

    def is_unworked(self, lease: float, begun: bool) -> bool:
        """Whether nobody works on it who should. `begun`: whether any partition of the model was ever claimed: then
        scorers need all of them, though nothing may be left to apply.

        Nobody needs one that forwards only while it has nothing to send on. It has no heartbeats; once claimed, the
        group gives it to another worker when its owner ends.
        """
        if self.forwards_only:
            return self.lag > 0 and self.applied is None
        return self.is_unheard(lease) and (self.lag > 0 or begun)

    def is_unheard(self, lease: float) -> bool:
        """Whether no owner was heard within the lease, of a partition of which one should be."""
        return not self.forwards_only and (self.heartbeat_age is None or self.heartbeat_age > lease)

    def to_json(self) -> dict[str, Any]:
        """The partition's object in the output of `unlearn status --json`."""
        deletions, token = self.deletions, {"counter": self.counter, "nonce": self.nonce}
        return {
            **{name: value for name, value in asdict(self).items() if name not in _OTHERWISE},
            "token": None if self.counter is None else token,
            "pending_deletions": deletions.pending,
            "oldest_pending_age": deletions.oldest_pending,
            "overdue_deletions": deletions.overdue,
            "uncounted_deletions": deletions.uncounted,
            "unresolved_deletions": deletions.unresolved,
            "oldest_unresolved_age": deletions.oldest_unresolved,
            "overdue_unresolved": deletions.unresolved_overdue,
        }
