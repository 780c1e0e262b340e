"""Follows the results topic, and dates each heartbeat (see `unlearn.scoring.lease`)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from unlearn.errors import LogDiverged, UnlearnError
from unlearn.log.protocol import Log, Tail
from unlearn.results.log_ends import ends_of
from unlearn.results.results_topic import Results
from unlearn.scoring.lease import Ends
from unlearn.settings import Settings

__all__ = ["Follower"]

_log = logging.getLogger(__name__)


class Follower:
    """Follows the results topic for one thread; `results` holds what was read of it so far.

    `clock` gives monotonic seconds. Raises TopicMissing, LogUnavailable.
    """

    def __init__(self, settings: Settings, partitions: int, log: Log, clock: Callable[[], float]) -> None:
        self._log, self._clock = log, clock
        self._topic, self._check_every = settings.results_topic, settings.heartbeat_every
        self._ends = Ends()
        self._log_ends = ends_of(log, settings.events_topic, partitions)
        self._settings = settings
        self.results = self._results()
        self._topic_id, self._checked_at = log.topic_id(self._topic), clock()
        self._tail: Tail = log.tail(self._topic)

    def read(self, timeout: float) -> bool:
        """Merge what is new, waiting up to `timeout` seconds for it.

        False while the topic's end, as it stood at the call, is not reached. A topic that was cut or made
        again is read from its start. Raises LogUnavailable, TopicMissing.
        """
        now = self._clock()
        try:
            self._check_topic(now)
            end = self._tail.end()
            self._ends.look(end, now)
            self.results.merge(self._tail.poll(timeout))
        except LogDiverged as error:
            self._read_again(str(error))
            return False
        self._ends.forget_below(self._tail.position)
        return self._tail.position >= end

    @property
    def trouble(self) -> UnlearnError | None:
        """Why the last look could read nothing, as of `Tail`."""
        return self._tail.trouble

    def close(self) -> None:
        """Stop following the topic."""
        self._tail.close()

    def _results(self) -> Results:
        # Without a count, so that manifests of partitions beyond the settings' show that the settings are wrong.
        return Results(self._settings.model, clock=self._clock, date=self._ends.date, ends=self._log_ends)

    def _check_topic(self, now: float) -> None:
        """Raise LogDiverged if the topic was deleted and made again.

        Its offsets don't show it: it may have as many records.
        """
        if now - self._checked_at < self._check_every:
            return
        self._checked_at = now
        if self._log.topic_id(self._topic) != self._topic_id:
            raise LogDiverged(f"topic {self._topic} was made again")

    def _read_again(self, reason: str) -> None:
        """Follow the topic from its start.

        The highest counters seen are kept, so an owner that was replaced stays replaced.
        """
        _log.warning("reading the results from their start: %s", reason)
        topic_id, tail = self._log.topic_id(self._topic), self._log.tail(self._topic)
        self._tail.close()
        self._topic_id, self._tail = topic_id, tail
        self._ends.clear()
        before, self.results = self.results, self._results()
        for partition, held in before.partitions.items():
            self.results.of(partition).highest_counter = held.highest_counter
