"""States that a trainer keeps in memory, so that a later job goes on from there; the bytes are the same without.

A learner that can't learn on from a stored state learns the shard from empty where its state isn't in memory. Of any
other learner the stored state is read, checked and decoded then.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

from unlearn.partition.jobs import Job
from unlearn.partition.rates import Step
from unlearn.partition.tables import State as Stored
from unlearn.recently_used import RecentlyUsed
from unlearn_models.base.learner import State

__all__ = ["LastStates", "LiveStates", "Start", "start_of"]


_MOST_BYTES = 64 << 20
"""Of the states that `LastStates` keeps, as they are stored; in memory they take about as much."""


class _Kept(NamedTuple):
    file: str
    digest: str
    state: State


class LastStates:
    """The state that each shard's last job here ended with, of the shards trained last: at most `room` bytes in all.

    One for each shard, so that what is deleted doesn't stay in an older one.
    """

    def __init__(self, room: int = _MOST_BYTES) -> None:
        self._held = RecentlyUsed[tuple[int, int], _Kept](room)

    def take(self, job: Job) -> State | None:
        """The state of the job's base, if the shard's last job ended with just that; it isn't held any more then.

        Whatever else is held of the shard is dropped.
        """
        kept = self._held.take((job.partition, job.shard))
        if kept is None or job.base is None:
            return None
        base = job.base[1]
        return kept.state if (base.file, base.digest) == (kept.file, kept.digest) else None

    def put(self, job: Job, stored: Stored, state: State) -> None:
        """Hold the state that a job ended with and stored so, and let go of those of shards trained longest ago."""
        self._held.put((job.partition, job.shard), _Kept(stored.file, stored.digest, state), stored.size)

    def __len__(self) -> int:
        return len(self._held)


class LiveStates:
    """What a trainer's process keeps: the `limit` states used last, by digest; in `last` the last of each shard."""

    def __init__(self, limit: int = 32) -> None:
        self.last = LastStates()
        self.taken = set[Step]()
        """The steps that a trainer has taken in this process: the first time a step loads its kernels."""
        self._limit = limit
        self._held: OrderedDict[str, State] = OrderedDict()

    def get(self, digest: str) -> State | None:
        """The state with this digest; None if it isn't held any more."""
        if digest in self._held:
            self._held.move_to_end(digest)
        return self._held.get(digest)

    def put(self, digest: str, state: State) -> None:
        """Hold the state, and let go of those that were not used for longest."""
        self._held[digest] = state
        self._held.move_to_end(digest)
        while len(self._held) > self._limit:
            self._held.popitem(last=False)


class Start(NamedTuple):
    """A job as it can be done here, and the state that it starts from.

    State None: the empty one, or the stored one if the learner can resume from that.
    """

    job: Job
    state: State | None


def start_of(job: Job, live: LiveStates, resumes: bool) -> Start:
    """How to do the job: from its base if that is in memory.

    Otherwise a learner that `resumes` does it from the stored base, any other from empty.
    """
    if resumes:
        return Start(job, live.last.take(job))
    held = live.get(job.base[1].digest) if job.base else None
    if job.base is None or held is not None:
        return Start(job, held)
    return Start(replace(job, base=None, learn=(*job.whole, *job.learn), forget=(), unburied=0), None)
