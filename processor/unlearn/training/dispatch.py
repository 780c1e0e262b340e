"""Step 9 of the loop: jobs begin on shards behind or hit, and what they bring is registered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future
from math import inf
from typing import Protocol, runtime_checkable

from unlearn.errors import ArtefactInvalid, StateInvalid, StoreUnavailable
from unlearn.partition.claimed import Owned, Running
from unlearn.partition.jobs import Built, Job, Part, Trained
from unlearn.partition.ledger import Kill
from unlearn.partition.lineage import EMPTY, chain
from unlearn.partition.rates import Paces
from unlearn.partition.tables import Change, View
from unlearn.settings import Settings
from unlearn.state.lookups import hole_reads, parse_holes
from unlearn.training.checkpoints import Budget, to_drop, to_store
from unlearn.training.quarantine import after_crash, in_quarantine
from unlearn.training.schedule import Order, filed, orders, predicted, window_closes

__all__ = ["Telling", "Trainers", "Training"]

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

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        ...

    def restart(self) -> None:
        """End all jobs under way: they fail."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Telling(Trainers, Protocol):
    """Trainers that tell how far a job is."""

    def finished(self, future: Future[Trained]) -> int:
        """How many slices it has gone through."""
        ...


class Training:
    """Starts and settles jobs; never waits for one."""

    def __init__(
        self,
        settings: Settings,
        trainers: Trainers,
        forgets: bool,
        clock: Callable[[], float] = time.monotonic,
        *,
        resumes: bool = True,
    ) -> None:
        self._settings = settings
        self._trainers = trainers
        self._forgets = forgets
        self._resumes = resumes
        self._paces = Paces()
        by_age = settings.checkpoint_policy == "ages"
        # A learner that forgets never goes back.
        self._budget = Budget(1) if forgets else Budget(settings.checkpoints, settings.checkpoint_bytes, by_age)
        self._clock = clock
        self._retry_at: dict[tuple[int, int], float] = {}
        self._suspects: list[tuple[int, int]] = []
        """(partition, shard) of jobs that ended with their trainer: each runs alone before others go on."""

    def turn(self, owned: Owned, idle: bool) -> None:
        """Raises Fenced, RolledBack, StateUnavailable."""
        self.settle(owned)
        if owned.catching_up:
            return
        due = self._orders(owned)
        waiting = {order.shard for order in due} | owned.running.keys()
        # One with nothing left to train would hold up all others for ever.
        self._suspects = [who for who in self._suspects if who[0] != owned.partition or who[1] in waiting]
        for order in due:
            if self._trainers.free <= 0:
                return
            if order.shard not in owned.running and self._ripe(owned, order, idle) and self._may_run(owned, order):
                self._begin(owned, order)
        self.settle(owned)

    def wanted(self, owned: Owned) -> set[int]:
        """Shards with a job under way or due."""
        return {order.shard for order in self._orders(owned)} | owned.running.keys()

    def _orders(self, owned: Owned) -> list[Order]:
        due = orders(owned.view, self._settings.shards_per_partition, self._forgets, self._paces)
        return [order for order in due if not in_quarantine(owned.view.crashes.get(order.shard))]

    def _may_run(self, owned: Owned, order: Order) -> bool:
        if not self._suspects:
            return True
        return self._suspects[0] == (owned.partition, order.shard) and self._trainers.idle

    def settle(self, owned: Owned) -> None:
        """Register what ended jobs brought; one that stands still too long is ended, with all that run beside it."""
        if any(self._stalled(running) for running in owned.running.values()):
            owned.counters["stalled"] += 1
            self._trainers.restart()
        for shard, running in list(owned.running.items()):
            if running.future.done():
                del owned.running[shard]
                self._register(owned, running)

    def _stalled(self, running: Running) -> bool:
        """No slice within `stall_after`."""
        now = self._clock()
        finished = self._trainers.finished(running.future) if isinstance(self._trainers, Telling) else 0
        if finished != running.finished:
            running.finished, running.moved_at = finished, now
        return now - running.moved_at > self._settings.stall_after

    def _ripe(self, owned: Owned, order: Order, idle: bool) -> bool:
        now = self._clock()
        if now < self._retry_at.get((owned.partition, order.shard), 0.0):
            return False
        since = owned.dirty_since.get(order.shard)
        if since is None or self._forgets:
            # Forgetting costs by the row, whenever it is done: gathering would save nothing.
            return True
        hit, pending = len(owned.dirty_since), owned.view.pending
        # The other shards may train first.
        cost = predicted(owned.view, order, self._paces) * hit
        left = min((one.deadline for one in pending.values()), default=inf) / 1000 - time.time() - cost
        return window_closes(now - since, self._settings.window, hit, len(pending), idle, left)

    def _begin(self, owned: Owned, order: Order) -> None:
        job = self._job(owned, order)
        hit = owned.dirty_since.pop(order.shard, None) is not None
        owned.running[order.shard] = Running(job, self._trainers.submit(job), self._clock())
        owned.counters["jobs"] += 1
        if order.base is not None:
            owned.counters["jobs_from_checkpoint"] += 1
            owned.counters["retrained_from_checkpoint"] += hit
        elif owned.view.shard_states(order.shard):
            owned.counters["learned_anew"] += 1

    def _job(self, owned: Owned, order: Order) -> Job:
        view, shard = owned.view, order.shard
        last = order.learn[-1] if order.learn else order.base[0] if order.base else 0
        whole = [] if self._resumes or order.base is None else filed(view, shard, order.base[0])
        ends = sorted({*order.forget, *order.learn, *whole})
        holes = self._holes(owned, shard, ends)
        parts = {
            end: Part(end, view.slices[shard, end].file or "", holes[end], view.slices[shard, end].sum) for end in ends
        }
        return Job(
            partition=owned.partition,
            shard=shard,
            applied=view.applied,
            base=order.base,
            learn=tuple(parts[end] for end in order.learn),
            forget=tuple(parts[end] for end in order.forget),
            covers={bytes.fromhex(d): c.death for d, c in view.cleanups.items() if c.shard == shard},
            keep=frozenset(self._to_store(owned, shard, order.learn)),
            whole=tuple(parts[end] for end in whole),
            base_lineage=_lineage(view, shard, order.base[0] if order.base else 0),
            total=sum(held.sum for end, held in view.shard_slices(shard) if end <= last) if self._forgets else None,
            writer=owned.writer(),
        )

    @staticmethod
    def _holes(owned: Owned, shard: int, ends: list[int]) -> dict[int, dict[int, int]]:
        """Slice by slice, so that no script is long; nothing changes in between, as each script checks."""
        starts = [owned.view.start_of(end - 1) for end in ends]
        replies = [owned.read(hole_reads(owned.state.keys, shard, [start]))[0] for start in starts]
        return {end: parse_holes(reply) for end, reply in zip(ends, replies, strict=True)}

    def _register(self, owned: Owned, running: Running) -> None:
        shard = running.job.shard
        error = running.future.exception()
        if isinstance(error, StateInvalid):
            self._drop_base(owned, running, str(error))
            return
        if isinstance(error, ArtefactInvalid):
            self._distrust(owned, running, f"a stored file can't be used: {error}")
            return
        if error is not None:
            self._crashed(owned, running, error)
            return
        trained = running.future.result()
        if not trained.agrees:
            owned.counters["lineage_mismatches"] += 1
            self._distrust(owned, running, "what was learned is not what the membership holds")
            return
        change = Change()
        for built in _valid(trained, running.kills, self._forgets, owned.view.applied):
            change.put("states", (shard, built.through), built.state)
        if change.tables:
            self._thin(owned, shard, change)
            owned.commit(change)
        self._acquit(owned, shard)
        self._paces.observe(trained.spent)
        owned.counters["rows_learned"] += trained.rows
        owned.counters["rows_forgotten"] += trained.forgotten
        owned.counters["overtaken"] += bool(running.kills)

    def _thin(self, owned: Owned, shard: int, change: Change) -> None:
        held = {through: state.size for through, state in owned.view.shard_states(shard)}
        held |= {through: state.size for (_, through), state in change.tables["states"].items()}
        for through in to_drop(_sizes(owned, shard), held, list(owned.kill_ages), self._budget):
            change.drop("states", (shard, through))

    def _to_store(self, owned: Owned, shard: int, learn: Sequence[int]) -> set[int]:
        held = {through: state.size for through, state in owned.view.shard_states(shard)}
        return to_store(_sizes(owned, shard), held, learn, list(owned.kill_ages), self._budget)

    def _crashed(self, owned: Owned, running: Running, error: BaseException) -> None:
        """A store that is away is nobody's fault; a broken pool is somebody's; else the job's own."""
        shard = running.job.shard
        # Only the store's errors name no row.
        told = str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
        self._fail(owned, shard, f"training failed: {told}")
        who = owned.partition, shard
        if isinstance(error, StoreUnavailable):
            return
        if isinstance(error, BrokenExecutor) and who not in self._suspects[:1]:
            self._suspects += [] if who in self._suspects else [who]
            self._retry_at.pop(who, None)
            return
        self._blame(owned, running)

    def _blame(self, owned: Owned, running: Running) -> None:
        """The job failed by itself: the third time its shard goes into quarantine."""
        shard = running.job.shard
        ends = [part.end for part in (*running.job.forget, *running.job.learn)]
        crash = after_crash(owned.view.crashes.get(shard), max(ends, default=owned.view.last_end))
        change = Change()
        change.put("crashes", shard, crash)
        owned.commit(change)
        if in_quarantine(crash):
            self._acquit_suspect((owned.partition, shard))
            owned.counters["quarantined"] += 1
            _log.error("shard %d of partition %d is in quarantine: it is left out", shard, owned.partition)

    def _acquit(self, owned: Owned, shard: int) -> None:
        self._acquit_suspect((owned.partition, shard))
        if shard in owned.view.crashes:
            change = Change()
            change.drop("crashes", shard)
            owned.commit(change)

    def _acquit_suspect(self, who: tuple[int, int]) -> None:
        self._suspects = [suspect for suspect in self._suspects if suspect != who]

    def forget_partition(self, partition: int) -> None:
        """The partition is no longer ours: nobody waits for its suspects."""
        self._suspects = [suspect for suspect in self._suspects if suspect[0] != partition]

    def _distrust(self, owned: Owned, running: Running, why: str) -> None:
        """A safety net that should never catch. The shard is learned anew from empty; if that fails too, blamed."""
        shard = running.job.shard
        self._fail(owned, shard, f"{why}; learning anew")
        if running.job.base is None:
            self._blame(owned, running)
        change = Change()
        for through, _ in owned.view.shard_states(shard):
            change.drop("states", (shard, through))
        if change.tables:
            owned.commit(change)

    def _drop_base(self, owned: Owned, running: Running, why: str) -> None:
        """A state is a cache: without it the shard goes on from an older one, or from empty, at once."""
        assert running.job.base is not None
        through, state = running.job.base
        shard = running.job.shard
        owned.counters["states_lost"] += 1
        _log.error("shard %d of partition %d: %s; learning from an older one", shard, owned.partition, why)
        if owned.view.states.get((shard, through)) == state:
            change = Change()
            change.drop("states", (shard, through))
            owned.commit(change)

    def _fail(self, owned: Owned, shard: int, why: str) -> None:
        owned.counters["jobs_failed"] += 1
        self._retry_at[owned.partition, shard] = self._clock() + _RETRY
        owned.state.mark_trouble(f"shard {shard}: {why}")
        _log.error("shard %d of partition %d: %s", shard, owned.partition, why)


def _sizes(owned: Owned, shard: int) -> list[tuple[int, int]]:
    return [(end, held.rows) for end, held in owned.view.shard_slices(shard)]


def _lineage(view: View, shard: int, through: int) -> str | None:
    """L of the slices up to `through`, by the sums that the membership kept.

    None while a clean-up is open: the sums still hold rows that no state does.
    """
    if any(cleanup.shard == shard for cleanup in view.cleanups.values()):
        return None
    lineage = EMPTY
    for end, held in view.shard_slices(shard):
        if end <= through and held.live:
            lineage = chain(lineage, end, held.sum)
    return lineage


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
