"""From what Redis and the results topic hold of a partition to what is shown of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from unlearn.admin.status.partition_status import DIRTY, Deletions, PartitionStatus, ShardStatus
from unlearn.events.mapped.tally import tallied
from unlearn.forwarding.dues import letters_by_reason
from unlearn.partition.tables import Tables
from unlearn.publishing.compose import entries
from unlearn.results.manifest import ShardEntry
from unlearn.results.results_topic import Published
from unlearn.settings import Settings
from unlearn.training.quarantine import quarantined

__all__ = ["CONFLICTS", "Held", "deletions_of", "partition_status"]

CONFLICTS = "the same revision was there with other content"
_PASSED_OVER = {
    "dead_on_arrival": "deleted before it came",
    "conflicts": CONFLICTS,
}
"""Counters of readable inserts that changed nothing, and why."""


class Held(NamedTuple):
    """What Redis holds of one partition: its tables, and what its owner shows.

    stopped, trouble  as in PartitionStatus
    quiet             whether the owner takes no events, as asked
    unreadable        the offset at which it is stopped as nothing can be read there; None if that isn't why
    asked             the fields of the operators' requests that it has not carried out yet
    """

    view: Tables
    stopped: str | None
    trouble: str | None
    quiet: bool
    unreadable: int | None
    asked: tuple[str, ...]


def partition_status(
    settings: Settings,
    forgets: bool,
    partition: int,
    held: Held,
    published: Published,
    bounds: tuple[int, int],
    written: int,
    now: float,
) -> PartitionStatus:
    """How a partition stands whose log has these bounds, and is `written` up to there. `now`: seconds since 1970."""
    start, end = bounds
    view = held.view
    claimed = "token" in view.meta
    forwards_only = partition >= settings.partitions
    count = 0 if forwards_only or not claimed else settings.shards_per_partition
    shards = _shards(view, count, forgets)
    counter, _, nonce = view.meta.get("token", "").partition(":")
    return PartitionStatus(
        partition=partition,
        applied=view.applied if claimed else None,
        end=end,
        lag=max(0, end - (view.applied if claimed else start)),
        owner=view.meta.get("owner"),
        counter=int(counter) if claimed else None,
        nonce=nonce or None,
        records=view.number("live"),
        tombstones=view.number("tombstones"),
        holes=view.number("holes"),
        cleaning_up=len(view.cleanups),
        dirty_shards=sum(shard.status in DIRTY for shard in shards),
        deletions=deletions_of(view, now),
        heartbeat_age=_heartbeat_age(published, now),
        stopped=held.stopped,
        trouble=held.trouble,
        forwards_only=forwards_only,
        shards=shards,
        quarantined=tuple(quarantined(view)),
        resolved=view.number("resolved"),
        dead_letters=letters_by_reason(view.meta),
        passed_over={why: count for name, why in _PASSED_OVER.items() if (count := view.number(name))},
        refused_updates=view.number("refused_updates"),
        paths=dict(tallied(view.meta)),
        quiet=held.quiet,
        held_back=max(0, written - end),
    )


def _shards(view: Tables, count: int, forgets: bool) -> tuple[ShardStatus, ...]:
    return tuple(_shard(view, entry) for entry in entries(view, count, forgets, "0" * 64))


def _shard(view: Tables, entry: ShardEntry) -> ShardStatus:
    shard = entry.shard
    slices = list(view.of_shard(shard).after())
    waiting = view.open[shard].live if shard in view.open else 0
    rows = waiting + sum(held.live for _, held in slices)
    return ShardStatus(shard, entry.status, rows, len(slices), len(view.shard_states(shard)), entry.through)


def deletions_of(view: Tables, now: float) -> Deletions:
    pending = [held for held in view.pending.values() if held.receipt]
    unresolved = view.still_open()
    return Deletions(
        pending=len(pending),
        oldest_pending=_oldest((held.since for held in pending), now),
        overdue=sum(held.deadline < now * 1000 for held in pending),
        uncounted=len(view.uncounted),
        unresolved=sum(held.total for held in unresolved),
        oldest_unresolved=_oldest((held.since for held in unresolved if held.since), now),
        unresolved_overdue=sum(held.total for held in unresolved if held.deadline < now * 1000),
    )


def _oldest(times: Iterable[int], now: float) -> float | None:
    """Age in s of the earliest of times in ms."""
    first = min(times, default=None)
    return None if first is None else max(0.0, now - first / 1000)


def _heartbeat_age(held: Published, now: float) -> float | None:
    return None if held.heartbeat_at is None else max(0.0, now - held.heartbeat_at)
