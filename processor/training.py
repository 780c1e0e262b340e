"""Step 9 of the loop: jobs begin on shards behind or hit, and what they bring is registered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from models import ModelError
from processor.checkpoints import keep, surplus
from processor.errors import ArtefactInvalid
from processor.jobs import Built, Job, Part, Trained
from processor.ledger import Kill
from processor.owned import Owned, Running
from processor.schedule import Order, orders, window_closes
from processor.settings import Settings
from processor.state.memberships import hole_reads, parse_holes
from processor.view import Change

__all__ = ["Trainers", "Training"]

_log = logging.getLogger(__name__)
_RETRY = 5.0
"""Seconds before a shard whose job failed is tried again."""


class Trainers(Protocol):
    """Where jobs run."""

    def submit(self, job: Job) -> Future[Trained]: ...

    @property
    def free(self) -> int:
        """How many more jobs can run at once."""
        ...

    def close(self) -> None: ...


class Training:
    """Starts and settles jobs; never waits for one."""

    def __init__(
        self,
        settings: Settings,
        trainers: Trainers,
        forgets: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._trainers = trainers
        self._forgets = forgets
        self._clock = clock
        self._retry_at: dict[tuple[int, int], float] = {}

    def turn(self, owned: Owned, idle: bool) -> None:
        """Raises Fenced, RolledBack, StateUnavailable."""
        self.settle(owned)
        if owned.catching_up:
            return
        for order in orders(owned.view, self._settings.shards_per_partition, self._forgets):
            if self._trainers.free <= 0:
                return
            if order.shard not in owned.running and self._ripe(owned, order, idle):
                self._begin(owned, order)
        self.settle(owned)

    def wanted(self, owned: Owned) -> set[int]:
        """Shards with a job under way or due."""
        due = orders(owned.view, self._settings.shards_per_partition, self._forgets)
        return {order.shard for order in due} | owned.running.keys()

    def settle(self, owned: Owned) -> None:
        """Register what ended jobs brought."""
        for shard, running in list(owned.running.items()):
            if running.future.done():
                del owned.running[shard]
                self._register(owned, running)

    def _ripe(self, owned: Owned, order: Order, idle: bool) -> bool:
        now = self._clock()
        if now < self._retry_at.get((owned.partition, order.shard), 0.0):
            return False
        since = owned.dirty_since.get(order.shard)
        if since is None:
            return True
        hit = len(owned.dirty_since)
        return window_closes(now - since, self._settings.window, hit, len(owned.view.pending), idle)

    def _begin(self, owned: Owned, order: Order) -> None:
        job = self._job(owned, order)
        hit = owned.dirty_since.pop(order.shard, None) is not None
        owned.running[order.shard] = Running(job, self._trainers.submit(job), self._clock())
        owned.counters["jobs"] += 1
        if order.base is not None:
            owned.counters["jobs_from_checkpoint"] += 1
            owned.counters["retrained_from_checkpoint"] += hit

    def _job(self, owned: Owned, order: Order) -> Job:
        view, shard = owned.view, order.shard
        ends = [*order.forget, *order.learn]
        replies = owned.read(hole_reads(owned.state.keys, shard, [view.start_of(end - 1) for end in ends]))
        holes = {end: parse_holes(reply) for end, reply in zip(ends, replies, strict=True)}
        parts = {
            end: Part(end, view.slices[shard, end].file or "", holes[end], view.slices[shard, end].sum) for end in ends
        }
        last = order.learn[-1] if order.learn else order.base[0] if order.base else 0
        return Job(
            partition=owned.partition,
            shard=shard,
            applied=view.applied,
            base=order.base,
            learn=tuple(parts[end] for end in order.learn),
            forget=tuple(parts[end] for end in order.forget),
            covers={bytes.fromhex(d): c.death for d, c in view.cleanups.items() if c.shard == shard},
            keep=frozenset(
                keep([t for t, _ in view.shard_states(shard)] + list(order.learn), self._settings.checkpoints)
            ),
            total=sum(held.sum for end, held in view.shard_slices(shard) if end <= last) if self._forgets else None,
            writer=f"{owned.token.counter}-{owned.token.nonce[:8]}-{owned.next_sequence()}",
        )

    def _register(self, owned: Owned, running: Running) -> None:
        shard = running.job.shard
        error = running.future.exception()
        if isinstance(error, ArtefactInvalid | ModelError):
            self._distrust(owned, shard, f"a stored file can't be used: {error}")
            return
        if error is not None:
            self._fail(owned, shard, f"training failed: {type(error).__name__}: {error}")
            return
        trained = running.future.result()
        if not trained.agrees:
            owned.counters["lineage_mismatches"] += 1
            self._distrust(owned, shard, "what was learned is not what the membership holds")
            return
        change = Change()
        for built in _valid(trained, running.kills, self._forgets, owned.view.applied):
            change.put("states", (shard, built.through), built.state)
        if change.tables:
            self._thin(owned, shard, change)
            owned.commit(change)
        owned.counters["rows_learned"] += trained.rows
        owned.counters["rows_forgotten"] += trained.forgotten
        owned.counters["overtaken"] += bool(running.kills)

    def _thin(self, owned: Owned, shard: int, change: Change) -> None:
        held = {through for through, _ in owned.view.shard_states(shard)}
        held |= {through for _, through in change.tables["states"]}
        limit = 1 if self._forgets else self._settings.checkpoints
        for through in {*held - {max(held)}} if limit == 1 else surplus(held, limit):
            change.drop("states", (shard, through))

    def _distrust(self, owned: Owned, shard: int, why: str) -> None:
        """A safety net that should never catch. The shard is learned anew from empty."""
        self._fail(owned, shard, f"{why}; learning anew")
        change = Change()
        for through, _ in owned.view.shard_states(shard):
            change.drop("states", (shard, through))
        if change.tables:
            owned.commit(change)

    def _fail(self, owned: Owned, shard: int, why: str) -> None:
        owned.counters["jobs_failed"] += 1
        self._retry_at[owned.partition, shard] = self._clock() + _RETRY
        _log.error("shard %d of partition %d: %s", shard, owned.partition, why)


def _valid(trained: Trained, kills: list[Kill], forgets: bool, applied: int) -> list[Built]:
    """The states that stay valid after the kills that came while they were made.

    One that holds none of the killed slots is as of `applied` now. A fold's other states are void; a learner
    that forgets starts from its state next time.
    """
    lowest = min((kill.slot for kill in kills), default=None)
    clean = [b for b in trained.built if lowest is None or b.through <= lowest]
    restamped = [Built(b.through, b.state._replace(applied=applied)) for b in clean]
    rest = [b for b in trained.built if b not in clean] if forgets else []
    return restamped + rest
