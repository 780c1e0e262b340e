"""States that are worth more in memory than in the store: those of learners that go on only from their rows.

A stored state of such a learner just scores. A trainer that still has the one it made goes on from that; any
other learns the shard anew, with the same bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

from unlearn.partition.jobs import Job
from unlearn_models.base.learner import State

__all__ = ["LiveStates", "Start", "start_of"]


class LiveStates:
    """The newest `limit` states, by digest."""

    def __init__(self, limit: int = 32) -> None:
        self._limit = limit
        self._held: OrderedDict[str, State] = OrderedDict()

    def get(self, digest: str) -> State | None:
        if digest in self._held:
            self._held.move_to_end(digest)
        return self._held.get(digest)

    def put(self, digest: str, state: State) -> None:
        self._held[digest] = state
        self._held.move_to_end(digest)
        while len(self._held) > self._limit:
            self._held.popitem(last=False)


class Start(NamedTuple):
    """What to do, and the state to begin with; None: the empty one, or the stored one where a learner resumes."""

    job: Job
    state: State | None


def start_of(job: Job, live: LiveStates) -> Start:
    """Where a learner that doesn't resume begins: its base if it is still in memory, else all slices anew."""
    held = live.get(job.base[1].digest) if job.base else None
    if job.base is None or held is not None:
        return Start(job, held)
    return Start(replace(job, base=None, learn=(*job.whole, *job.learn), forget=()), None)
