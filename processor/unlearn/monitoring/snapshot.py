"""What a worker tells of itself at one moment. It is made on the worker's own thread, and read by any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from unlearn.environment.clock import Clock
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.worker.loop import Worker

__all__ = ["PartitionFacts", "Snapshot", "take_snapshot"]


class PartitionFacts(NamedTuple):
    """Of an owned partition. Ages are in seconds, None where there is none to have an age.

    moves        whatever changes as the owner gets on: it stands still while this stays the same
    busy         whether something is under way that the next turns pick up
    held         whether nothing is read of it for now, for a reason that is told elsewhere
    backlog      rows of ended slices, by the offsets between a shard's state and the last slice end, at most
    """

    applied: int
    moves: tuple[int, ...]
    busy: bool
    held: bool
    backlog: int
    live: int
    open_rows: int
    shards: Mapping[str, int]
    pending: int
    oldest_pending: float | None
    overdue: int
    uncounted: int
    unresolved: int
    oldest_unresolved: float | None
    script_seconds: float
    scripts: int
    stored_bytes: int | None


class Snapshot(NamedTuple):
    """`at`: monotonic seconds. `joined`: whether the group has told it its partitions, be it none. `unfit`: why Redis
    can't be used, or empty; `unheard`: why it gives no answer. `waits`: partitions without the store.

    `hidden_after`: of each deletion that was hidden since the snapshot before, the seconds that it took. `batches`: how
    many events were applied together, as buckets and their sum. `redis_bytes`: None where Redis doesn't tell.
    """

    at: float
    partitions: Mapping[int, PartitionFacts]
    stopped: Mapping[int, str]
    assigned: int
    joined: bool
    unfit: str
    unheard: str
    waits: tuple[int, ...]
    leaving: bool
    counts: Counter[str]
    hidden_after: tuple[float, ...]
    batches: tuple[list[tuple[str, float]], float]
    redis_bytes: int | None


def take_snapshot(worker: Worker, clock: Clock) -> Snapshot:
    """To be called between two turns, on the thread that takes them."""
    now, wall = clock.monotonic(), clock.wall_ms()
    return Snapshot(
        now,
        {partition: _facts(owned, wall, quiet=worker.quiet) for partition, owned in worker.owned.items()},
        dict(worker.stopped),
        len(worker.assigned),
        worker.joined,
        worker.redis.unfit,
        worker.redis.unheard,
        tuple(partition for partition, owned in worker.owned.items() if worker.waits_for_store(owned)),
        worker.leaving,
        sum((owned.counters for owned in worker.owned.values()), Counter(worker.counters)),
        tuple(seconds for owned in worker.owned.values() for seconds in _taken(owned)),
        (worker.batches.buckets(), worker.batches.sum),
        worker.redis.used_memory,
    )


def _facts(owned: ClaimedPartition, wall: int, *, quiet: bool) -> PartitionFacts:
    view, manifest = owned.view, owned.manifest
    shards = Counter[str](entry.status for entry in manifest.shards) if manifest else Counter[str]()
    through = min((entry.through for entry in manifest.shards), default=0) if manifest else 0
    unresolved = view.still_open()
    moved = max((running.finished for running in owned.running.values()), default=0)
    return PartitionFacts(
        view.applied,
        (view.applied, view.writes, owned.sequence, owned.manifest_offset, moved),
        owned.busy,
        quiet or owned.paused or owned.blocked is not None,
        max(0, view.last_end - through),
        view.number("live"),
        len(owned.open_rows),
        shards,
        len(view.pending),
        _age(min((held.since for held in view.pending.values()), default=None), wall),
        sum(held.deadline < wall for held in view.pending.values()),
        len(view.uncounted),
        sum(held.total for held in unresolved),
        _age(min((held.since for held in unresolved if held.since), default=None), wall),
        owned.state.seconds,
        owned.state.scripts,
        owned.stored_bytes,
    )


def _age(since: int | None, wall: int) -> float | None:
    return None if since is None else max(0.0, (wall - since) / 1000)


def _taken(owned: ClaimedPartition) -> list[float]:
    found = [*owned.hidden_after]
    owned.hidden_after.clear()
    return found
