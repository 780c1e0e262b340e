"""What ended jobs made is registered; for those that failed, it is decided what follows."""

from __future__ import annotations

import logging
from concurrent.futures import BrokenExecutor

from unlearn.environment.clock import Clock
from unlearn.errors import ArtefactInvalid, StateInvalid, StoreUnavailable
from unlearn.partition.claimed_partition import ClaimedPartition, Running
from unlearn.partition.cleanups.unburied import Unburied
from unlearn.partition.jobs import Built, Trained
from unlearn.partition.ledger import Kill
from unlearn.partition.rates import Rates
from unlearn.partition.slices.lineage import MODULUS
from unlearn.partition.tables import Change, State
from unlearn.training.checkpoints import Budget, state_sizes, to_drop
from unlearn.training.quarantine import after_crash, in_quarantine
from unlearn.training.suspects import Suspects

__all__ = ["Outcomes"]

_log = logging.getLogger(__name__)
_RETRY = 5.0
"""Seconds before a shard whose job failed is tried again."""


class Outcomes:
    """Takes ended jobs of owned partitions, and remembers which shards wait after a failure."""

    def __init__(self, forgets: bool, budget: Budget, rates: Rates, suspects: Suspects, clock: Clock) -> None:
        self._forgets = forgets
        self._budget = budget
        self._rates = rates
        self._suspects = suspects
        self._clock = clock
        self._retry_at: dict[tuple[int, int], float] = {}

    def may_retry(self, partition: int, shard: int) -> bool:
        """Whether the wait after the shard's last failure is over."""
        return self._clock.monotonic() >= self._retry_at.get((partition, shard), 0.0)

    def take(self, owned: ClaimedPartition, running: Running) -> bool:
        """Register the states of an ended job that still hold, or decide what follows from its failure.

        Returns whether the job succeeded. Raises Fenced, RolledBack, StateUnavailable.
        """
        shard = running.job.shard
        if self._failed(owned, running):
            return False
        trained = running.future.result()
        change = Change()
        for built in _valid(trained, running.kills, self._forgets, owned.view.applied):
            change.put("states", (shard, built.through), built.state)
        if change.tables:
            self._thin(owned, shard, change)
            owned.commit(change)
            if self._forgets:
                _note_unburied(owned, running, change.tables["states"].get((shard, running.job.through)))
        self._acquit(owned, shard)
        self._rates.observe(trained.spent)
        owned.counters["rows_learned"] += trained.rows
        owned.counters["rows_forgotten"] += trained.forgotten
        owned.counters[f"{running.way}_jobs"] += 1
        owned.counters[f"{running.way}_rows"] += trained.rows + trained.forgotten
        owned.counters[f"{running.way}_ms"] += round(trained.seconds * 1000)
        owned.counters["overtaken"] += bool(running.kills)
        return True

    def _failed(self, owned: ClaimedPartition, running: Running) -> bool:
        """Whether the job failed; then it is decided what follows."""
        error = running.future.exception()
        if isinstance(error, StateInvalid):
            self._drop_base(owned, running, str(error))
        elif isinstance(error, ArtefactInvalid):
            self._distrust(owned, running, f"a stored file can't be used: {error}")
        elif error is not None:
            self._crashed(owned, running, error)
        elif not running.future.result().agrees:
            owned.counters["lineage_mismatches"] += 1
            self._distrust(owned, running, "what was learned is not what the membership holds")
        else:
            return False
        return True

    def _thin(self, owned: ClaimedPartition, shard: int, change: Change) -> None:
        held = state_sizes(owned.view, shard)
        held |= {through: state.size for (_, through), state in change.tables["states"].items()}
        for through in to_drop(owned.view.of_shard(shard), held, list(owned.kill_ages), self._budget):
            change.drop("states", (shard, through))

    def _crashed(self, owned: ClaimedPartition, running: Running, error: BaseException) -> None:
        """Decide what a failed job's error means.

        If the store is away, nobody is blamed. If the pool broke, any of its jobs may have done it: the shard becomes a
        suspect, unless it ran alone. In all other cases the job itself is blamed.
        """
        shard = running.job.shard
        # Other errors may quote a row's content, which must not reach logs or Redis.
        told = str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
        self._fail(owned, shard, f"training failed: {told}")
        who = owned.partition, shard
        if isinstance(error, StoreUnavailable):
            return
        if isinstance(error, BrokenExecutor) and not self._suspects.is_first(who):
            self._suspects.add(who)
            self._retry_at.pop(who, None)
            return
        self._blame(owned, running)

    def _blame(self, owned: ClaimedPartition, running: Running) -> None:
        """Count a crash of the job by itself. The third puts the shard into quarantine."""
        shard = running.job.shard
        ends = [part.end for part in (*running.job.forget, *running.job.learn)]
        crash = after_crash(owned.view.crashes.get(shard), max(ends, default=owned.view.last_end))
        change = Change()
        change.put("crashes", shard, crash)
        owned.commit(change)
        if in_quarantine(crash):
            self._suspects.clear((owned.partition, shard))
            owned.counters["quarantined"] += 1
            _log.error("shard %d of partition %d is in quarantine: it is left out", shard, owned.partition)

    def _acquit(self, owned: ClaimedPartition, shard: int) -> None:
        """The job succeeded: the shard is no suspect, and its crashes are forgotten."""
        self._suspects.clear((owned.partition, shard))
        if shard in owned.view.crashes:
            change = Change()
            change.drop("crashes", shard)
            owned.commit(change)

    def _distrust(self, owned: ClaimedPartition, running: Running, why: str) -> None:
        """Drop all states of a shard whose files or sums don't agree, so that it is learned from empty.

        If it began from empty already, the job is blamed. Should never happen.
        """
        shard = running.job.shard
        self._fail(owned, shard, f"{why}; learning anew")
        if running.job.base is None:
            self._blame(owned, running)
        change = Change()
        for through, _ in owned.view.shard_states(shard):
            change.drop("states", (shard, through))
        if change.tables:
            owned.commit(change)

    def _drop_base(self, owned: ClaimedPartition, running: Running, why: str) -> None:
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

    def _fail(self, owned: ClaimedPartition, shard: int, why: str) -> None:
        owned.counters["jobs_failed"] += 1
        self._retry_at[owned.partition, shard] = self._clock.monotonic() + _RETRY
        owned.state.mark_trouble(f"shard {shard}: {why}")
        _log.error("shard %d of partition %d: %s", shard, owned.partition, why)


def _note_unburied(owned: ClaimedPartition, running: Running, state: State | None) -> None:
    """Note what the state that a job made, if it was kept, has let go of before the membership does."""
    job = running.job
    if state is not None:
        left = ((job.total or 0) - int(state.lineage, 16)) % MODULUS
        made = Unburied(state.file, job.through, state.applied, left)
        owned.unburied[job.shard] = made.without(running.buried)


def _valid(trained: Trained, kills: list[Kill], forgets: bool, applied: int) -> list[Built]:
    """The states of an ended job that still hold after the `kills` that came while it ran.

    A state without any of the killed slots holds up to `applied` now. Of the others a fold's are void, while a learner
    that forgets can start from its state and forget the kills next time.
    """
    lowest = min((kill.slot for kill in kills), default=None)
    clean = [b for b in trained.built if lowest is None or b.through <= lowest]
    restamped = [Built(b.through, b.state._replace(applied=applied)) for b in clean]
    rest = [b for b in trained.built if b not in clean] if forgets else []
    return restamped + rest
