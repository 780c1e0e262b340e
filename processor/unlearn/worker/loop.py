"""The loop, the only place where the steps are called: docs/design.md, section 7.

 1 poll            5 plan                9 train
 2 parse           6 apply              10 compose, gate
 3 route           7 send               11 publish, receipts
 4 look up         8 end slices, seal   12 commit, housekeeping, heartbeat

An owner that is fenced, or whose Redis was rolled back or gives no answer, drops all memory of the partition. It is
claimed again at a later poll if it is still assigned.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from unlearn.errors import (
    ArtefactInvalid,
    Fenced,
    LogUnavailable,
    Refused,
    RegistryUnavailable,
    RolledBack,
    StateUnavailable,
    StoreUnavailable,
    UnlearnError,
)
from unlearn.forwarding.dues import letters_by_reason
from unlearn.histogram import Histogram
from unlearn.log.protocol import Batch, Reader
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.worker.assembly import Parts

__all__ = ["BATCHES", "Worker"]

_log = logging.getLogger(__name__)
_BUSY, _IDLE = 0.01, 0.1
_INSPECT_EVERY = 60.0
_COMMIT_EVERY = 1.0
_TELL_EVERY = 60.0
_STORE_RETRY = 1.0
_QUIET_AFTER = 0.3
_QUIET_EVERY = 5.0
_LAST_VERSIONS_WITHIN = 1.0
BATCHES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
"""Upper bounds by which batches are counted, in records."""
_MOST_OPEN_ROWS = 100_000
"""Beyond so many open rows, and two slices' span, a partition is paused: some 30 MB of rows of 16 tokens."""


@dataclass(slots=True)
class _Store:
    again_at: float = float("-inf")
    """When steps that need the store are tried again, after it was away (monotonic)."""


class Worker:
    """One member of the consumer group. `turn` is one pass of the loop; all turns must be taken on one thread."""

    def __init__(self, parts: Parts, quiet_after: float = _QUIET_AFTER) -> None:
        """The worker owns its parts: `close` closes those that must be closed, except the Redis client.

        `quiet_after`: seconds without a batch after which a partition counts as idle.
        """
        self._quiet_after = quiet_after
        self._settings, self._clock = parts.settings, parts.clock
        self._log, self._tail, self._producer = parts.log, parts.tail, parts.producer
        self._io, self._trainers = parts.io, parts.trainers
        self.results, self.redis, self.counters = parts.results, parts.redis, parts.counters
        self._assignment, self._troubles, self._kept = parts.assignment, parts.troubles, parts.kept
        self._intake, self._outbox = parts.intake, parts.outbox
        self._requests, self._repairer, self._sealer = parts.requests, parts.repairer, parts.sealer
        self._training, self._manifests = parts.training, parts.manifests
        self._history, self._receipts, self._heartbeats = parts.history, parts.receipts, parts.heartbeats
        self._rewriter, self._tailer = parts.rewriter, parts.tailer
        self._cleaner, self._collector, self._scrubber = parts.cleaner, parts.collector, parts.scrubber
        self.owned, self.stopped = self._assignment.owned, self._assignment.stopped
        now = self._clock.monotonic()
        self._commit_at = self._quiet_at = now
        self._inspect_at, self._tell_at = now + _INSPECT_EVERY, now + _TELL_EVERY
        self.batches = Histogram(BATCHES)
        """How many events were applied together."""

    def turn(self, timeout: float | None = None) -> int:
        """One pass of the loop, which waits up to `timeout` seconds for events. Returns how many it applied.

        Raises TopicMissing; LogDiverged where the results topic itself was cut.
        """
        polled = self._reader.poll(self._patience if timeout is None else timeout, self._settings.batch_records)  # 1
        ways = (self._reader, self._tail, self._producer, self._history)
        self._troubles.show(ways, self._assignment.partitions, self.counters)
        self._show_quiet()
        self._follow_results()
        sought = self._assignment.take(polled, claims=not self.redis.unfit)
        # A batch that was fetched before its reader was moved doesn't follow what is applied.
        batches = {partition: batch for partition, batch in polled.batches.items() if partition not in sought}
        applied = sum(self._applied(partition, batch) for partition, batch in batches.items())
        # Under a backlog each partition waits for its turn, so one that is idle may be among many that aren't.
        gathers = any(not self._idle(owned) for owned in self.owned.values())
        for owned in list(self.owned.values()):
            self._steps(owned, idle=self._idle(owned), gathers=gathers)
            self._bound_memory(owned)
        self._keep_house()  # 12
        self._look_at_redis()
        self._look_at_topic()
        return applied

    @property
    def busy(self) -> bool:
        """Whether something is under way that the next turns pick up."""
        return any(owned.busy for owned in self.owned.values())

    @property
    def reading(self) -> dict[int, int]:
        """Partition -> the next offset to read, of the partitions that should be read now."""
        return self._assignment.reading

    @property
    def assigned(self) -> tuple[int, ...]:
        """The partitions that the group has given to this worker, owned or not."""
        return self._assignment.assigned

    @property
    def quiet(self) -> bool:
        """Whether it takes no events, as an operator asked."""
        return self._assignment.quiet

    @property
    def leaving(self) -> bool:
        """Whether it takes no more events."""
        return self._assignment.leaving

    @property
    def joined(self) -> bool:
        """Whether the group has told it its partitions, be it none."""
        return self._reader.joined

    def waits_for_store(self, owned: ClaimedPartition) -> bool:
        """Whether the store was away when a step of the partition last needed it."""
        return self._clock.monotonic() < owned.kept(_Store).again_at

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Partition -> (start, end) of the events topic. Any thread may call it. Raises what `Log.bounds` raises."""
        return self._log.bounds(self._settings.events_topic)

    def read_anew(self, stuck: Mapping[int, str]) -> None:
        """Join the group with a new reader. `stuck`: why the old one's reading of these partitions isn't trusted."""
        self._assignment.read_anew(stuck)

    def stop_taking(self) -> None:
        """Take no more events and partitions. Further turns finish what is under way."""
        self._assignment.leave()

    def close(self) -> None:
        """Leave the group, and close the parts. What is still under way is done again by the next owner."""
        self._tell("leaving with %d partitions owned")
        self._commit_at = 0.0
        self._keep_house()
        self._reader.close()
        self._producer.close()
        self._tell_last_versions()
        self._history.close()
        self._tail.close()
        self._trainers.close()
        self._io.shutdown(wait=True)

    def _tell_last_versions(self) -> None:
        """Read the results topic up to our own last manifests, so that the history has them, too.

        What isn't told now is told by the next owner.
        """
        last = max((owned.manifest_offset for owned in self.owned.values()), default=-1)
        deadline = self._clock.monotonic() + _LAST_VERSIONS_WITHIN
        with suppress(UnlearnError):
            while self._tail.position <= last and self._clock.monotonic() < deadline:
                self.results.merge(self._tail.poll(_BUSY))
            for owned in self.owned.values():
                self._history.turn(owned, self.results)

    def _tell(self, what: str) -> None:
        """Log all counts since the start. `what` is the message, with a %d for the number of partitions."""
        totals = sum((owned.counters for owned in self.owned.values()), self.counters)
        refused = "; ".join(f"{count} x {reason}" for reason, count in letters_by_reason(totals).items())
        _log.info(f"{what}, dead letters: %s", len(self.owned), refused or "none", extra={"counters": totals})

    def _follow_results(self) -> None:
        self.results.merge(self._tail.poll(0))
        for refusal in self.results.newly_refused():
            self.counters["refused_results"] += 1
            _log.error("record %d of the results topic, of partition %d, is not believed: %s", *refusal)
        self._assignment.compare_with_published()

    # -- the steps

    def _applied(self, partition: int, batch: Batch) -> int:
        owned = self.owned.get(partition)
        if owned is None or batch.stop <= owned.view.applied:
            return 0
        owned.batch_at = self._clock.monotonic()
        self.batches.add(len(batch.records))
        self._guarded(owned, self._apply, batch)
        return len(batch.records)

    def _idle(self, owned: ClaimedPartition) -> bool:
        """Whether no batch came for a while, or none is taken any more. A turn without one alone says little: they come
        by turns of partitions.
        """
        return self._assignment.leaving or self._clock.monotonic() - owned.batch_at >= self._quiet_after

    def _apply(self, owned: ClaimedPartition, batch: Batch) -> None:
        if batch.start > owned.view.applied:
            raise Fenced(f"a batch starts at {batch.start}, beyond what was applied")
        self._intake.apply(owned, batch)  # 2-6

    def _steps(self, owned: ClaimedPartition, *, idle: bool, gathers: bool) -> None:
        """The steps after applying, for one partition. A store that is away holds up only those that need it.

        So deletions go on being hidden meanwhile.
        """
        if not owned.catching_up:
            self._guarded(owned, self._outbox.turn)  # 7
        self._guarded(owned, self._intake.recall)
        if owned.partition < self._settings.partitions:
            self._with_store(owned, self._end_slices)  # 8
            self._guarded(owned, self._train_and_publish, idle)  # 9-11
            self._guarded(owned, self._history.turn, self.results)  # 11
            self._with_store(owned, self._rewrite)  # 12
        self._guarded(owned, self._receipts.turn, self.results)
        self._guarded(owned, self._requests.turn)
        self._assignment.unblock(owned)
        self._with_store(owned, partial(self._cleaner.turn, gathers=gathers))
        if not owned.catching_up:
            # Whatever else waits for the store: a file that one step can't read would else hold up all that is garbage.
            self._guarded(owned, self._collector.turn)
        self._guarded(owned, self._heartbeats.turn)

    def _end_slices(self, owned: ClaimedPartition) -> None:
        self._repairer.turn(owned)
        self._sealer.turn(owned)

    def _train_and_publish(self, owned: ClaimedPartition, idle: bool) -> None:
        self._sealer.append_seal(owned)
        self._training.turn(owned, idle)
        self._manifests.turn(owned, self._training.recovering(owned))

    def _rewrite(self, owned: ClaimedPartition) -> None:
        self._rewriter.turn(owned)
        if not owned.catching_up:
            self._tailer.turn(owned, leaving=self._assignment.leaving)

    def _with_store(self, owned: ClaimedPartition, step: Callable[[ClaimedPartition], None]) -> None:
        if self._clock.monotonic() >= owned.kept(_Store).again_at:
            self._guarded(owned, _waiting(step))

    def _bound_memory(self, owned: ClaimedPartition) -> None:
        """Pause a partition with too many rows that are in no file yet, and resume it once files hold them.

        It can always be resumed: with so many rows some belong to an ended slice, which becomes a file.
        """
        full = len(owned.open_rows) > _MOST_OPEN_ROWS + 2 * self._settings.slice_span
        if full:
            self._reader.pause(owned.partition)
            self.counters["pauses"] += not owned.paused
        elif owned.paused and not self._assignment.leaving and not self.quiet:
            self._reader.resume(owned.partition)
        owned.paused = full

    def _guarded(self, owned: ClaimedPartition, step: Callable[..., object], *args: object) -> None:
        """Run a step of an owned partition. By its error the partition is dropped, stopped, or waits for the store."""
        if self.owned.get(owned.partition) is not owned:
            return
        try:
            step(owned, *args)
        except (Fenced, RolledBack, *_OUTAGES) as error:
            self.counters[_counter_of(error)] += 1
            if isinstance(error, RegistryUnavailable):
                owned.state.mark_trouble(str(error))
            self._assignment.claim_later(owned.partition, outage=isinstance(error, _OUTAGES))
            self._assignment.drop(owned.partition, str(error))
        except StoreUnavailable as error:
            # The partition is kept: the step loses nothing by failing, and is tried again.
            owned.counters["store_lost"] += 1
            owned.kept(_Store).again_at = self._clock.monotonic() + _STORE_RETRY
            owned.state.mark_trouble(str(error))
            _log.error("partition %d waits: %s", owned.partition, error)
        except LogUnavailable as error:
            _log.warning("partition %d: %s", owned.partition, error)
        except Refused as error:
            self._assignment.stop(owned.partition, str(error))

    def _keep_house(self) -> None:
        now = self._clock.monotonic()
        if now >= self._commit_at:
            self._commit_at = now + _COMMIT_EVERY
            self._reader.commit({p: owned.view.applied for p, owned in self.owned.items() if not owned.view.outbox})
        if now >= self._tell_at:
            self._tell_at = now + _TELL_EVERY
            self._tell("%d partitions owned")
        if now >= self._inspect_at:
            self._inspect_at = now + _INSPECT_EVERY
            for owned in list(self.owned.values()):
                self._guarded(owned, self._scrubber.turn)

    def _show_quiet(self) -> None:
        now = self._clock.monotonic()
        if self.quiet and now >= self._quiet_at:
            self._quiet_at = now + _QUIET_EVERY
            for owned in self.owned.values():
                owned.state.mark_quiet(True)

    def _look_at_redis(self) -> None:
        """Drop all partitions while Redis can't be used: one that evicts keys or is a replica forgets deletions."""
        if self.redis.turn():
            for partition in list(self.owned):
                self._assignment.drop(partition, "Redis can't be used")

    def _look_at_topic(self) -> None:
        """Stop all partitions once the log no longer keeps all events."""
        if why := self._kept.turn():
            for partition in list(self.owned):
                self._assignment.stop(partition, why)

    @property
    def _reader(self) -> Reader:
        return self._assignment.reader

    @property
    def _patience(self) -> float:
        return _BUSY if self.busy else _IDLE


_OUTAGES = (StateUnavailable, ArtefactInvalid, RegistryUnavailable)
_NAMES = {
    Fenced: "fenced",
    RolledBack: "rolled_back",
    StateUnavailable: "state_lost",
    ArtefactInvalid: "artefacts_invalid",
    RegistryUnavailable: "registry_lost",
}


def _counter_of(error: Exception) -> str:
    return next(name for kind, name in _NAMES.items() if isinstance(error, kind))


def _waiting(step: Callable[[ClaimedPartition], None]) -> Callable[[ClaimedPartition], None]:
    """The step, with a stored file that can't be used counted as a store that is away.

    Dropping the partition would not help: the next claim would meet the same file.
    """

    def waiting(owned: ClaimedPartition) -> None:
        try:
            step(owned)
        except ArtefactInvalid as error:
            raise StoreUnavailable(f"a stored file can't be used: {error}") from error

    return waiting
