"""Step 9 of the loop: jobs begin on shards that are behind or hit, and what ended jobs made is registered."""

from __future__ import annotations

from math import inf

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.partition.claimed_partition import ClaimedPartition, Running, Way
from unlearn.partition.rates import Rates
from unlearn.partition.slices.subject_filters import SubjectFilters
from unlearn.settings import Settings
from unlearn.training.checkpoints import Budget
from unlearn.training.job_maker import JobMaker
from unlearn.training.outcomes import Outcomes
from unlearn.training.pacing import Paces
from unlearn.training.protocol import ReportingTrainers, Trainers
from unlearn.training.quarantine import in_quarantine
from unlearn.training.schedule import Order, is_due, orders, predicted, window_closes
from unlearn.training.suspects import Suspects

__all__ = ["Training"]


class Training:
    """Gives jobs to the trainers, and takes the results of those that have ended; it never waits for a job."""

    def __init__(
        self,
        settings: Settings,
        trainers: Trainers,
        forgets: bool,
        clock: Clock = MACHINE_CLOCK,
        *,
        resumes: bool = True,
    ) -> None:
        self._settings = settings
        self._trainers = trainers
        self._forgets = forgets
        self._rates = Rates()
        by_age = settings.checkpoint_policy == "ages"
        # A learner that forgets never goes back to an older state, so one is enough.
        budget = Budget(1) if forgets else Budget(settings.checkpoints, settings.checkpoint_bytes, by_age)
        self._clock = clock
        self._suspects = Suspects()
        self._paces = Paces()
        self._jobs = JobMaker(forgets, resumes, budget)
        self._outcomes = Outcomes(forgets, budget, self._rates, self._suspects, clock)

    def turn(self, owned: ClaimedPartition, idle: bool) -> None:
        """Take what ended jobs brought, and begin jobs while trainers are free. `idle`: no event came for a while.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        self.settle(owned)
        if owned.catching_up:
            return
        due = self._orders(owned)
        self._suspects.keep_waiting(owned.partition, {order.shard for order in due} | owned.running.keys())
        for order in due:
            if self._trainers.free <= 0:
                return
            if order.shard not in owned.running and self._ripe(owned, order, idle) and self._may_run(owned, order):
                self._begin(owned, order)
        self.settle(owned)

    def recovering(self, owned: ClaimedPartition) -> bool:
        """Whether a shard that was hit has a job under way or due; those in quarantine have none.

        A shard that only new rows have put behind isn't waited for.
        """
        return any(shard in owned.running or self._to_recover(owned, shard) for shard in owned.view.hits)

    def _to_recover(self, owned: ClaimedPartition, shard: int) -> bool:
        due = is_due(owned.view, shard, self._forgets) and not self._clean(owned, shard)
        return due and not in_quarantine(owned.view.crashes.get(shard))

    def _clean(self, owned: ClaimedPartition, shard: int) -> bool:
        """Whether the shard's newest state is still as its last job made it, so that only new rows are to be learned.

        False, too, where that job left slices out, or another owner did it.
        """
        states = owned.view.shard_states(shard)
        if not states or shard in owned.dirty_since:
            return False
        through, newest = states[-1]
        hit = self._forgets and newest.applied < owned.view.hits.get(shard, 0)
        return not hit and self._paces.holds((owned.partition, shard), through)

    def _orders(self, owned: ClaimedPartition) -> list[Order]:
        shards, filters = self._settings.shards_per_partition, owned.kept(SubjectFilters)
        due = orders(owned.view, shards, self._forgets, self._rates, filters, owned.unburied)
        return [order for order in due if not in_quarantine(owned.view.crashes.get(order.shard))]

    def _may_run(self, owned: ClaimedPartition, order: Order) -> bool:
        return self._suspects.may_run((owned.partition, order.shard), self._trainers.idle)

    def settle(self, owned: ClaimedPartition) -> None:
        """Register what ended jobs made, or decide what follows from their failure.

        If a job stands still for longer than `stall_after`, all trainers are restarted, so the jobs beside it fail,
        too.
        """
        if any(self._stalled(running) for running in owned.running.values()):
            owned.counters["stalled"] += 1
            self._trainers.restart()
        for shard, running in list(owned.running.items()):
            if running.future.done():
                del owned.running[shard]
                self._take(owned, running)

    def _take(self, owned: ClaimedPartition, running: Running) -> None:
        who = owned.partition, running.job.shard
        self._paces.forget(who)
        if self._outcomes.take(owned, running) and running.up_to_date:
            cost = running.future.result().seconds
            self._paces.note(who, self._clock.monotonic(), cost, running.job.through)

    def _stalled(self, running: Running) -> bool:
        """Whether the job has finished no slice for longer than `stall_after` seconds."""
        now = self._clock.monotonic()
        finished = self._trainers.finished(running.future) if isinstance(self._trainers, ReportingTrainers) else 0
        if finished != running.finished:
            running.finished, running.moved_at = finished, now
        return now - running.moved_at > self._settings.stall_after

    def _ripe(self, owned: ClaimedPartition, order: Order, idle: bool) -> bool:
        """Whether to begin an order now.

        After a failure it waits, and after a deletion others are gathered for a while. New rows alone are gathered,
        too, unless no more come.
        """
        if not self._outcomes.may_retry(owned.partition, order.shard):
            return False
        if not idle and self._clean(owned, order.shard):
            shards = self._settings.shards_per_partition
            return self._paces.ripe((owned.partition, order.shard), self._clock.monotonic(), shards)
        since = owned.dirty_since.get(order.shard)
        if since is None or self._forgets:
            # Forgetting costs the same for each row whenever it is done, so gathering would save nothing.
            return True
        hit, pending = len(owned.dirty_since), owned.view.pending

        def left() -> float:
            # Jobs of the other hit shards may run before this one.
            cost = predicted(owned.view, order, self._rates) * hit
            deadline = min((one.deadline for one in pending.values()), default=inf)
            return deadline / 1000 - self._clock.wall() - cost

        return window_closes(self._clock.monotonic() - since, self._settings.window, hit, len(pending), idle, left)

    def _begin(self, owned: ClaimedPartition, order: Order) -> None:
        job = self._jobs.make(owned, order)
        hit = owned.dirty_since.pop(order.shard, None) is not None
        rest = next(owned.view.of_shard(order.shard).with_rows(job.through), None)
        up_to_date = rest is None or rest[0] > owned.view.registered
        future = self._trainers.submit(job)
        anew = order.base is None and bool(owned.view.shard_states(order.shard))
        way: Way = "forget" if job.forget else "retrain" if anew or (hit and not self._forgets) else "fold"
        owned.running[order.shard] = Running(job, future, self._clock.monotonic(), up_to_date=up_to_date, way=way)
        owned.counters["jobs"] += 1
        if order.base is not None:
            owned.counters["jobs_from_checkpoint"] += 1
            owned.counters["retrained_from_checkpoint"] += hit
        owned.counters["learned_anew"] += anew

    def forget_partition(self, partition: int) -> None:
        """Forget what was noted of the partition's jobs: it is no longer ours, and no other shard waits for it."""
        self._suspects.forget_partition(partition)
        self._paces.forget_partition(partition)
