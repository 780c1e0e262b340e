"""Which partitions a worker has: taken, claimed and let go as the group assigns them, and stopped where it must be."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from unlearn.environment.clock import Clock
from unlearn.errors import (
    Fenced,
    LogUnavailable,
    Refused,
    RolledBack,
    StateUnavailable,
    StoreUnavailable,
)
from unlearn.log.protocol import Log, Polled, Reader, Tail, Unreadable
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.publishing.fencing import overtaken, rivalled
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.storage.store_binding import Binding
from unlearn.worker.claim import Claimer
from unlearn.worker.continuity import diverged
from unlearn.worker.waiting import LOOK_AGAIN, block

__all__ = ["Assignment"]

_log = logging.getLogger(__name__)
_CLAIM_RETRY = 1.0


class Assignment:
    """The partitions of one member of the consumer group: `owned` are claimed, `stopped` maps others to the reason."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        reader: Reader,
        tail: Tail,
        results: Results,
        binding: Binding,
        claimer: Claimer,
        state_of: Callable[[int], PartitionState],
        forget: Callable[[int], None],
        counters: Counter[str],
        clock: Clock,
    ) -> None:
        """`forget` is called with each partition that is let go; `counters` count for the whole worker."""
        self._settings = settings
        self._log = log
        self.reader = reader
        self._tail = tail
        self._results = results
        self._binding = binding
        self._claimer = claimer
        self._state_of = state_of
        self._forget = forget
        self.counters = counters
        self._clock = clock
        self.owned: dict[int, ClaimedPartition] = {}
        self.stopped: dict[int, str] = {}
        self.assigned: tuple[int, ...] = ()
        """The partitions that the group has given to this worker, owned or not."""
        self.leaving = False
        self.quiet = False
        """Whether no events are taken, as an operator asked; what is applied goes on being trained and published."""
        self._numbers: dict[int, int] = {}
        self._claim_at: dict[int, float] = {}

    @property
    def partitions(self) -> Iterable[int]:
        """The partitions owned; where none is, those that the group assigned."""
        return self.owned or self._numbers

    @property
    def reading(self) -> dict[int, int]:
        """Partition -> the next offset to read, of the owned partitions that are neither paused nor blocked."""
        if self.leaving or self.quiet or self.reader.trouble:
            return {}
        waiting = (owned for owned in self.owned.values() if not owned.paused and owned.blocked is None)
        return {owned.partition: owned.view.applied for owned in waiting}

    def leave(self) -> None:
        """Take no more events and no more partitions."""
        self.leaving = True
        for partition in self.owned:
            self.reader.pause(partition)

    def be_quiet(self, quiet: bool) -> None:
        """Take no events until told otherwise, or take them again.

        What the group assigns is claimed all the same: nobody else would vouch for its part of the model.
        """
        if quiet == self.quiet:
            return
        self.quiet = quiet
        for partition, owned in self.owned.items():
            owned.state.mark_quiet(quiet)
            if quiet:
                self.reader.pause(partition)
            elif not owned.paused and not self.leaving:
                self.reader.resume(partition)
        _log.warning("as asked, %s", "no events are taken: `unlearn resume`" if quiet else "events are taken again")

    def claim_later(self, partition: int, *, outage: bool) -> None:
        """Allow the partition to be claimed again: after a second if there is an outage, else at the next poll."""
        self._claim_at[partition] = self._clock.monotonic() + _CLAIM_RETRY * outage

    def read_anew(self, stuck: Mapping[int, str]) -> None:
        """Join the group with a new reader. `stuck`: why the old one's reading of these partitions isn't trusted."""
        for partition, why in stuck.items():
            _log.error("partition %d: %s; its reader is started anew", partition, why)
            self._state_of(partition).mark_trouble(f"{why}; its reader is started anew")
        self.counters["read_anew"] += 1
        try:
            columns = self._settings.reads_columns
            fresh = self._log.reader(self._settings.events_topic, self._settings.group_id, columns=columns)
        except LogUnavailable as error:
            _log.warning("no new reader can be had yet: %s", error)
            return
        # In a thread: closing may hang for the same reason for which nothing is read.
        threading.Thread(target=self.reader.close, name="leaving", daemon=True).start()
        self.reader = fresh
        self._numbers.clear()

    def take(self, polled: Polled, *, claims: bool) -> set[int]:
        """Let go of what is no longer assigned, and claim what is new if `claims`.

        Partitions that the reader has lost are stopped, or blocked where a record can't be read. Returns the partitions
        whose reader was moved: what it had fetched before is not what follows.
        """
        self.assigned = tuple(polled.assigned)
        for partition in self.owned.keys() - polled.assigned.keys():
            self.drop(partition, "no longer assigned")
        for partition in self.stopped.keys() - polled.assigned.keys():
            del self.stopped[partition]
        for partition, why in polled.lost.items():
            run = self.reader.unreadable.get(partition)
            if run is None:
                self.stop(partition, str(diverged(self._settings.events_topic, partition, why)))
            elif partition in self.owned:
                self._block(self.owned[partition], run)
        sought: set[int] = set()
        for partition, number in polled.assigned.items() if claims and not self.leaving else ():
            anew = self._numbers.get(partition) != number
            if (anew or (partition not in self.owned and partition not in self.stopped)) and self._claim(
                partition, number
            ):
                sought.add(partition)
        return sought

    def _claim(self, partition: int, number: int) -> bool:
        """Claim the partition unless it is still ours. Returns whether its reader was moved to what is applied."""
        if partition not in self.owned or not self._still_ours(self.owned[partition]):
            if self._clock.monotonic() < self._claim_at.get(partition, 0.0):
                return False
            try:
                if not self._results.follow(self._tail):
                    return False
                self._binding.bind(lambda: self._results)
                self.owned[partition] = self._claimer.claim(partition, self._results.of(partition))
            except Refused as error:
                self._numbers[partition] = number
                self.stop(partition, str(error))
                return False
            except (StateUnavailable, LogUnavailable, StoreUnavailable, Fenced, RolledBack) as error:
                _log.warning("partition %d can't be claimed yet: %s", partition, error)
                self._claim_at[partition] = self._clock.monotonic() + _CLAIM_RETRY
                return False
            self.stopped.pop(partition, None)
            self._claimed(self.owned[partition])
        self._numbers[partition] = number
        self.reader.seek(partition, self.owned[partition].view.applied)
        if self.quiet:
            self.reader.pause(partition)
        return True

    def _claimed(self, owned: ClaimedPartition) -> None:
        self.counters["claims"] += 1
        owned.claimed_at = self._clock.monotonic()
        owned.state.mark_stopped("")
        owned.state.mark_quiet(self.quiet)
        if owned.view.pending and owned.partition < self._settings.partitions:
            owned.unhidden_since = self._clock.monotonic()
        if any(held.live for held in owned.view.open.values()):
            owned.rows_since = self._clock.monotonic()
        _log.info(
            "partition %d claimed at %d with token %d%s",
            owned.partition,
            owned.view.applied,
            owned.token.counter,
            f", catching up to {owned.catch_up_to}" if owned.catching_up else "",
        )

    def _still_ours(self, owned: ClaimedPartition) -> bool:
        """Whether Redis still has our token; drops the partition if it doesn't, or gives no answer."""
        try:
            owned.read([("EXISTS", owned.state.keys.meta)])
        except (Fenced, RolledBack, StateUnavailable) as error:
            self.drop(owned.partition, str(error))
            return False
        return True

    def compare_with_published(self) -> None:
        """Drop partitions where the results topic shows another owner, or more applied than there is here.

        Where another record has replaced our newest manifest on the topic, a new one is published.
        """
        for partition, owned in list(self.owned.items()):
            published = self._results.of(partition)
            if rivalled(owned, published):
                self.counters["fenced"] += 1
                self.drop(partition, "the results topic shows another owner")
            elif published.highest_applied > max(owned.view.applied, owned.catch_up_to):
                # The next claim compares the log with what was applied, and stops the partition if they differ.
                self.drop(partition, "the results topic shows more applied than Redis holds")
            elif overtaken(owned, published):
                owned.manifest = None

    def drop(self, partition: int, why: str) -> None:
        """Forget an owned partition, without giving anything back; it is claimed again if it is still assigned."""
        owned = self.owned.pop(partition)
        if owned.blocked is not None:
            self.stopped.pop(partition, None)
        self._forget(partition)
        self.counters.update(owned.counters)
        _log.info("partition %d dropped: %s", partition, why)

    def stop(self, partition: int, why: str) -> None:
        """Give the partition up until it is assigned anew, and show the reason."""
        if self.stopped.get(partition) != why:
            _log.error("partition %d is stopped: %s", partition, why)
            self._state_of(partition).mark_stopped(why)
        if partition in self.owned:
            self.drop(partition, why)
        self.stopped[partition] = why

    def _block(self, owned: ClaimedPartition, run: Unreadable) -> None:
        """Stop reading at records that can't be decoded, and try them again from time to time."""
        if block(owned, run, self.stopped, self._clock.monotonic(), LOOK_AGAIN):
            self.reader.seek(owned.partition, owned.view.applied)

    def unblock(self, owned: ClaimedPartition) -> None:
        """Read on once the offsets that could not be read were read after all, or stepped over."""
        if owned.blocked is None or owned.view.applied <= owned.blocked.start:
            return
        owned.blocked = None
        owned.state.mark_stopped("")
        self.stopped.pop(owned.partition, None)
        self.reader.seek(owned.partition, owned.view.applied)
