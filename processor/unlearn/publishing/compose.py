"""What a manifest says of each shard, and whether one is due: docs/design.md, sections 7 (step 10) and 8. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from unlearn.partition.tables import State, Tables
from unlearn.results.manifest import ShardEntry, ShardState

__all__ = ["Timing", "Urgency", "clean_at", "due", "entries"]


def entries(view: Tables, shards: int, forgets: bool, empty_digest: str) -> tuple[ShardEntry, ...]:
    """One entry per shard: its newest state that holds no dead row, or the empty state if there is none.

    `empty_digest`: the digest of the learner's empty state; `forgets`: whether the learner forgets.
    """
    return tuple(_entry(view, shard, forgets, empty_digest) for shard in range(shards))


def clean_at(view: Tables, entry: ShardEntry, forgets: bool) -> int:
    """The `applied` up to which the entry's state is known to hold no dead row; the gate compares the hit with it.

    A fold's states are dropped by the very script that kills a row in them, so those left are clean now.
    """
    held = _valid(view, entry.shard, forgets)
    return held[1].applied if forgets and held else view.applied


def _entry(view: Tables, shard: int, forgets: bool, empty_digest: str) -> ShardEntry:
    held = _valid(view, shard, forgets)
    through = _reach(view, shard, held[0] if held else 0)
    state = held[1] if held else State(view.applied, "", empty_digest)
    return ShardEntry(
        shard=shard,
        through=through,
        status=_status(view, shard, through, held),
        rows=state.rows,
        lineage=state.lineage,
        digest=state.digest,
        file=state.file,
        size=state.size,
        summary=dict(state.summary),
    )


def _valid(view: Tables, shard: int, forgets: bool) -> tuple[int, State] | None:
    """(through, state) of the shard's newest state that holds no dead row; None if there is none."""
    hit = view.hits.get(shard, 0)
    states = [(t, s) for t, s in view.shard_states(shard) if not forgets or s.applied >= hit]
    return states[-1] if states else None


def _reach(view: Tables, shard: int, through: int) -> int:
    """How far a state through `through` holds all rows: to the end before the shard's next slice with rows."""
    following = next(view.of_shard(shard).with_rows(through), None)
    return max(through, view.last_end if following is None else view.end_before(following[0]))


def _status(view: Tables, shard: int, through: int, held: tuple[int, State] | None) -> ShardState:
    """The word for how the shard's entry stands to the last slice end; see `ShardState`."""
    if through == view.last_end:
        return "current" if held and held[1].rows else "empty"
    if held is None:
        return "left-out" if shard in view.hits else "behind"
    return "withdrawn" if view.hits.get(shard, 0) > held[1].applied else "behind"


class Timing(NamedTuple):
    """Where a partition's publishing stands. Ages in seconds; None where there is nothing to count from."""

    since_last: float | None
    """Age of the acknowledgement of the newest manifest."""
    unhidden: float | None
    """Age of the oldest kill or deletion that no manifest covers yet."""
    recovering: bool
    """Whether a hit shard is being retrained, so that waiting a little may spare its withdrawal."""
    changed: bool
    """Whether the shards' entries differ from those of the newest manifest."""
    advanced: bool
    """Whether `applied` or `erased_through` is beyond that of the newest manifest."""


class Urgency(NamedTuple):
    """The settings that decide when to publish; times in seconds."""

    withdraw: Literal["auto", "always", "never"]
    publish_wait: float
    publish_every: float
    max_stale: float


_QUIET = 1.0
"""Seconds between manifests that only move `applied`."""


def due(timing: Timing, urgency: Urgency) -> bool:
    """Whether to publish a manifest now.

    The first one at once; then none without a change, nor within `publish_every`. With a deletion to hide, `withdraw`
    says how long a hit shard's retraining is waited for; without one, a mere move of `applied` waits a second.
    """
    if timing.since_last is None:
        return True
    if timing.since_last < urgency.publish_every or (not timing.advanced and not timing.changed):
        return False
    if timing.unhidden is None:
        return timing.changed or timing.since_last >= _QUIET
    patience = {"always": 0.0, "auto": urgency.publish_wait, "never": urgency.max_stale}[urgency.withdraw]
    return not timing.recovering or timing.unhidden >= patience
