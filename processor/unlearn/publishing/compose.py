"""What a manifest says of each shard, and whether one is due: pure decisions (DESIGN 7.10, 8)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from unlearn.partition.tables import State, Tables
from unlearn.results.manifest import ShardEntry, ShardState

__all__ = ["Timing", "Urgency", "clean_at", "due", "entries"]


def entries(view: Tables, shards: int, forgets: bool, empty_digest: str) -> tuple[ShardEntry, ...]:
    """Per shard the newest state that is valid now, else the empty prefix of its fold."""
    return tuple(_entry(view, shard, forgets, empty_digest) for shard in range(shards))


def clean_at(view: Tables, entry: ShardEntry, forgets: bool) -> int:
    """The `applied` up to which the entry's state is known to hold no dead row; the gate compares it.

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
    hit = view.hits.get(shard, 0)
    states = [(t, s) for t, s in view.shard_states(shard) if not forgets or s.applied >= hit]
    return states[-1] if states else None


def _reach(view: Tables, shard: int, through: int) -> int:
    """The last slice end before the shard's next slice with rows: up to there the state stays the same."""
    for end in view.ends_after(through):
        held = view.slices.get((shard, end))
        if held is not None and held.file != "":
            return through
        through = end
    return through


def _status(view: Tables, shard: int, through: int, held: tuple[int, State] | None) -> ShardState:
    if through == view.last_end:
        return "current" if held and held[1].rows else "empty"
    if held is None:
        return "left-out" if shard in view.hits else "behind"
    return "withdrawn" if view.hits.get(shard, 0) > held[1].applied else "behind"


class Timing(NamedTuple):
    """Where a partition's publishing stands; ages in s, None where there is none."""

    since_last: float | None
    """Since the newest acknowledged manifest."""
    unhidden: float | None
    """Since the oldest kill or deletion that it doesn't cover."""
    recovering: bool
    """A hit shard is being retrained: waiting a little may spare its withdrawal."""
    changed: bool
    """The shards' entries differ from that manifest's."""
    advanced: bool
    """`applied` or `erased_through` does."""


class Urgency(NamedTuple):
    """The settings that decide; in s."""

    withdraw: Literal["auto", "always", "never"]
    publish_wait: float
    publish_every: float
    max_stale: float


_QUIET = 1.0
"""Seconds between manifests that only move `applied`."""


def due(timing: Timing, urgency: Urgency) -> bool:
    """Whether to publish now."""
    if timing.since_last is None:
        return True
    if timing.since_last < urgency.publish_every or (not timing.advanced and not timing.changed):
        return False
    if timing.unhidden is None:
        return timing.changed or timing.since_last >= _QUIET
    patience = {"always": 0.0, "auto": urgency.publish_wait, "never": urgency.max_stale}[urgency.withdraw]
    return not timing.recovering or timing.unhidden >= patience
