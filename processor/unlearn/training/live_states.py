"""States kept in memory for learners whose stored states can be scored with but not learned on from.

A trainer that still has the state in memory goes on from it. Any other learns the shard from empty; the bytes are the
same.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

from unlearn.partition.jobs import Job
from unlearn_models.base.learner import State

__all__ = ["LiveStates", "Start", "start_of"]


class LiveStates:
    """The `limit` states used last, by digest."""

    def __init__(self, limit: int = 32) -> None:
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


def start_of(job: Job, live: LiveStates) -> Start:
    """How to do the job of a learner that can't resume: from its base if that is in memory, else from empty."""
    held = live.get(job.base[1].digest) if job.base else None
    if job.base is None or held is not None:
        return Start(job, held)
    return Start(replace(job, base=None, learn=(*job.whole, *job.learn), forget=()), None)
