"""One reading of a model: its status, when the next records came, open deletions, and what scorers say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import redis

from unlearn.admin.pending import Partition, first_open
from unlearn.admin.pending_events import PendingEvents
from unlearn.admin.status.partition_status import DIRTY
from unlearn.admin.status.reader import Look, StatusReader
from unlearn.console.scorers import ask_scorers
from unlearn.console.shown.seen import MOST_DELETIONS, ScorerSaid, Seen
from unlearn.identity import as_made
from unlearn.learners import learner_of
from unlearn.log.next_records import NextRecords
from unlearn.log.protocol import Log
from unlearn.settings import Settings
from unlearn.state.scripts import kept_identities, states

__all__ = ["Connect", "Reading", "reading"]

Connect = Callable[[], AbstractContextManager[tuple[Log, redis.Redis]]]
"""Opens Kafka and Redis for a while."""
_MOST_READS = 4
"""Partitions of which one look asks when their next record came: each costs a connection."""
_ASK_SCORERS_EVERY = 5.0


class Reading:
    """Reads the model again and again; `look` is for one thread."""

    def __init__(self, settings: Settings, log: Log, status: StatusReader) -> None:
        self._settings, self._status = settings, status
        self._events = PendingEvents(log, settings)
        self._next = NextRecords(log, settings.events_topic, _MOST_READS)
        self._scorers: tuple[ScorerSaid, ...] = ()
        self._scorers_at = float("-inf")

    def look(self) -> Seen:
        """The model now. Raises StateUnavailable, LogUnavailable, TopicMissing, LogDiverged."""
        look = self._status.look()
        partitions = look.status.partitions
        ends = {one.partition: one.end for one in partitions}
        self._next.look({one.partition: one.end - one.lag for one in partitions}, ends)
        came = {p: at for p in ends if (at := self._next.came(p)) is not None}
        first, count = first_open(_held(look), self._settings.partitions, MOST_DELETIONS)
        said = tuple(self._events.of(first))
        return Seen(round(time.time() * 1000), look, came, said, count, self._ask_scorers())

    def _ask_scorers(self) -> tuple[ScorerSaid, ...]:
        own, now = self._settings.console, time.monotonic()
        if own.scorers and now >= self._scorers_at:
            self._scorers = ask_scorers(own.scorers, self._settings.model)
            self._scorers_at = time.monotonic() + _ASK_SCORERS_EVERY
        return self._scorers


@contextmanager
def reading(settings: Settings, connect: Connect) -> Iterator[Reading]:
    """A reading with connections of its own. Raises TopicMissing, Refused, LogUnavailable, StateUnavailable."""
    forgets = learner_of(settings).forgets
    with connect() as (log, client), closing(StatusReader(settings, log, client, forgets)) as status:
        kept = kept_identities(states(client, settings.model), settings.partitions)
        yield Reading(as_made(settings, kept), log, status)


def _held(look: Look) -> dict[int, Partition]:
    dirty = {
        one.partition: tuple(shard.shard for shard in one.shards if shard.status in DIRTY)
        for one in look.status.partitions
    }
    return {
        p: Partition(held.view, held.stopped or "", held.trouble or "", dirty.get(p, ()))
        for p, held in look.held.items()
    }
