"""One simulated worker with everything that dies with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from unlearn.log.memory import MemoryLog
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn.simulate.fault_injection import FaultPlan, FaultyRedis, Later, MemoryStore, SlowTrainers, Wire
from unlearn.storage.cleanup import Cleaner
from unlearn.worker.loop import Worker
from unlearn_models import Learner

__all__ = ["Member", "Place"]


@dataclass
class Place:
    """What all members share, and what the world lets them do."""

    settings: Settings
    log: MemoryLog
    redis_url: str
    store: MemoryStore
    learner: Learner
    fuse: FaultPlan
    now: float = 1000.0
    sweeping: bool = True
    late_jobs: bool = False
    late_sends: bool = False
    rebuild: bool = False

    def time(self) -> float:
        return self.now


class _Cleaner(Cleaner):
    """Cleans up only while the world lets it."""

    place: Place

    def turn(self, owned: ClaimedPartition) -> None:
        if self.place.sweeping:
            super().turn(owned)


class Member:
    """A worker on its own wires."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.wire, self.later = Wire(place.log, place.fuse), Later()
        client: Any = FaultyRedis.from_url(place.redis_url)
        client.fuse = place.fuse
        self._redis: Any = client
        self.trainers = SlowTrainers(place.learner, place.store, self.later)
        with ExitStack() as stack:
            stack.enter_context(patch("unlearn.worker.loop.ThreadPoolExecutor", lambda *_, **__: self.later))
            stack.enter_context(patch("unlearn.worker.assembly.Cleaner", self._cleaner))
            self.worker = self._worker()

    def _worker(self) -> Worker:
        place = self._place
        return Worker(
            place.settings,
            self.wire,
            self._redis,
            place.store,
            place.learner,
            self.trainers,
            rebuild=place.rebuild,
            clock=place.time,
        )

    def _cleaner(self, *args: Any) -> _Cleaner:
        cleaner = _Cleaner(*args)
        cleaner.place = self._place
        return cleaner

    def turn(self, most: int) -> None:
        """One pass, with at most so many records polled."""
        self.wire.most = most
        self.later.late, self.wire.sends.late = self._place.late_jobs, self._place.late_sends
        self.worker.turn(0.0)

    def work(self) -> None:
        """Whatever was late happens."""
        self.later.work()
        self.wire.sends.land()

    @property
    def in_hand(self) -> int:
        return len(self.later) + len(self.wire.sends.kept)

    def leave(self, leaving: Callable[[Any], None]) -> None:
        """The group sees it leave; it may live on."""
        reader, self.wire.member = self.wire.member, None
        if reader is not None:
            leaving(reader)

    def bury(self) -> Counter[str]:
        """Its end. Returns what it counted."""
        self._redis.close()
        counts = sum((owned.counters for owned in self.worker.owned.values()), Counter(self.worker.counters))
        counts["restarts"] += self.trainers.restarts
        return counts
