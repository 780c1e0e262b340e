"""One simulated worker, with all that is lost when it dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unlearn.environment.clock import Clock
from unlearn.log.memory.log import MemoryLog
from unlearn.maintenance.cleanup import Cleaner
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn.simulate.determinism import LIMITS, Chance
from unlearn.simulate.fault_injection import FaultPlan, FaultyRedis, Later, MemoryStore, SlowTrainers, Wire
from unlearn.storage.marker import Guarded
from unlearn.storage.store_binding import guarded
from unlearn.worker.assembly import assemble
from unlearn.worker.loop import Worker
from unlearn.worker.machine import Machine
from unlearn_models import Learner

__all__ = ["Member", "Place"]


@dataclass
class Place:
    """What all workers of a world share, and what the world allows them.

    `now`: the world's time in seconds; `sweeping`: clean-ups go on; `late_jobs`, `late_sends`: they are kept back;
    `rebuild`: a new worker may build again what Redis has lost.
    """

    settings: Settings
    log: MemoryLog
    redis_url: str
    store: MemoryStore
    learner: Learner
    fuse: FaultPlan
    chance: Chance
    now: float = 1000.0
    sweeping: bool = True
    late_jobs: bool = False
    late_sends: bool = False
    rebuild: bool = False

    def time(self) -> float:
        """The world's time, in seconds."""
        return self.now


class _Cleaner(Cleaner):
    """A cleaner that stands still while the world says so."""

    def __init__(self, place: Place, store: Guarded, clock: Clock) -> None:
        super().__init__(place.settings, store, place.learner.forgets, clock, *LIMITS)
        self._place = place

    def turn(self, owned: ClaimedPartition, *, gathers: bool) -> None:
        if self._place.sweeping:
            super().turn(owned, gathers=gathers)


class Member:
    """One worker with connections of its own to the world's log, Redis and store."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.wire, self.later = Wire(place.log, place.fuse), Later()
        client: Any = FaultyRedis.from_url(place.redis_url)
        client.fuse = place.fuse
        self._redis: Any = client
        clock = place.chance.standing(place.time)
        self.trainers = SlowTrainers(place.learner, place.store, self.later, clock)
        self.worker = self._worker(clock)

    def _worker(self, clock: Clock) -> Worker:
        place, store = self._place, guarded(self._place.store)
        parts = assemble(
            place.settings,
            self.wire,
            self._redis,
            store,
            place.learner,
            self.trainers,
            rebuild=place.rebuild,
            machine=Machine(clock, place.chance.running, place.chance.nonce, lambda: self.later),
            limits=LIMITS,
        )
        return Worker(parts._replace(cleaner=_Cleaner(place, store, clock)))

    def turn(self, most: int) -> None:
        """One turn of the loop, with at most `most` records polled."""
        self.wire.most = most
        self.later.late, self.wire.sends.late = self._place.late_jobs, self._place.late_sends
        self.worker.turn(0.0)

    def work(self) -> None:
        """Do the jobs and sends that were kept back."""
        self.later.work()
        self.wire.sends.land()

    @property
    def in_hand(self) -> int:
        """How many jobs and messages are kept back."""
        return len(self.later) + len(self.wire.sends.kept)

    def leave(self, leaving: Callable[[Any], None]) -> None:
        """Leave the consumer group, by calling `leaving` with the reader; the worker itself may live on."""
        reader, self.wire.member = self.wire.member, None
        if reader is not None:
            leaving(reader)

    def bury(self) -> Counter[str]:
        """Close the worker's Redis connection, and return all that it counted."""
        self._redis.close()
        counts = sum((owned.counters for owned in self.worker.owned.values()), Counter(self.worker.counters))
        counts["restarts"] += self.trainers.restarts
        return counts
