"""The scorer: follows the results topic, and serves what the partitions' owners stand by.

A partition is served while its newest manifest is merged, no higher counter was seen on it, and a heartbeat
of its owner is younger than the lease (see `processor.lease`); a one-shot reading asks instead whether the
manifest covers the events topic. A manifest that can't be merged leaves what was served before, for as long
as that is leased. Wall clocks decide nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Self

from models.learner import Learner
from models.registry import make_learner
from models.rows import Rows
from processor.errors import LogUnavailable, Refused, UnlearnError
from processor.following import Follower
from processor.loading import Digested, Verify, unsigned
from processor.log.protocol import Log
from processor.merging import Merger, dated
from processor.serving import Answer, Ensembles, Merged, Served, check_quorum, version_of
from processor.settings import Settings
from processor.store import Store, open_store

__all__ = ["Answer", "Scorer", "Served"]

LOG = logging.getLogger(__name__)
_TURN = 0.25


class Scorer:
    """Poll it from one thread (or `start` one); score from any.

    `identity` is the model's; None takes that of the newest manifest found first. Raises TopicMissing,
    LogUnavailable.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        store: Store,
        learner: Learner,
        clock: Callable[[], float] = time.monotonic,
        *,
        identity: str | None = None,
        verify: Verify = unsigned,
    ) -> None:
        self._settings, self._log, self._learner, self._clock = settings, log, learner, clock
        self._partitions = range(settings.partitions)
        self._follower = Follower(settings, log, clock)
        self._merger = Merger(settings, store, learner, identity, verify)
        self._ensembles = Ensembles(learner)
        self._merged: Mapping[int, Merged] = {}  # replaced whole, never changed: readers need no lock
        self._owns_log = False
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run, daemon=True)

    @classmethod
    def connect(cls, settings: Settings, *, identity: str | None = None) -> Self:
        """A scorer on the settings' Kafka and store. Raises TopicMissing, LogUnavailable, SettingsError."""
        from processor.log.kafka import KafkaLog

        learner = make_learner(settings.learner, settings.classes, settings.features)
        store, log = open_store(settings.store.url, settings.model), KafkaLog(settings.kafka)
        try:
            scorer = cls(settings, log, store, learner, identity=identity)
        except UnlearnError:
            log.close()
            raise
        scorer._owns_log = True
        return scorer

    def start(self) -> Self:
        """Poll in a thread until `close`. An outage is waited out: meanwhile the leases run."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Safe to repeat."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._follower.close()
        if self._owns_log:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self, timeout: float) -> bool:
        """One turn: read, merge, fetch, swap. Waits up to `timeout` seconds for news.

        False while the topic's end, as it stood at the call, is not reached; nothing is fetched before.
        Raises LogUnavailable, TopicMissing.
        """
        caught_up = self._follower.read(timeout)
        results = self._follower.results
        # At once: a higher counter stops a partition before anything is fetched.
        self._swap({p: dated(one, results.of(p)) for p, one in self._merged.items()})
        if caught_up:
            self._swap(self._merger.merge(results, self._merged))
        return caught_up

    def wait(self, timeout: float) -> bool:
        """With a thread running: wait until every partition is served. False after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.left_out and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.left_out

    @property
    def version(self) -> int | None:
        """Results offset of the newest manifest merged; None before the first."""
        return version_of(self._merged)

    @property
    def left_out(self) -> tuple[int, ...]:
        """The partitions that aren't served now."""
        leased = self._leased(self._merged)
        return tuple(p for p in self._partitions if p not in leased)

    @property
    def problems(self) -> Mapping[int, str]:
        """Partition -> why its newest manifest isn't merged."""
        return self._merger.problems

    def served(self) -> Served:
        """What may be served now. Raises NotEnough if that is less than the quorum."""
        merged = self._merged
        return self._served(merged, self._leased(merged))

    def scores(self, inputs: Sequence[str] | Rows) -> Answer:
        """Of texts, or of rows of features. Raises NotEnough, models.BadRows."""
        return self.served().scores(inputs)

    def predict(self, inputs: Sequence[str] | Rows) -> list[str]:
        """The likeliest label of each input. Raises NotEnough, models.BadRows."""
        return self.served().predict(inputs)

    def once(self, wait: float) -> Served:
        """For one-shot commands, without heartbeats: a partition counts if its manifest covers the log.

        Polls up to `wait` seconds for all partitions to do so, then serves those that do. Raises NotEnough,
        LogUnavailable, TopicMissing, and Refused if the events topic has fewer partitions than the model.
        """
        start = self._clock()
        patience = max(wait, self._settings.kafka.request_timeout)
        while True:
            waited = self._clock() - start
            if self.poll(min(_TURN, max(0.01, wait - waited))):
                covering = self._covering()
                if len(covering) == len(self._partitions) or waited >= wait:
                    return self._served(self._merged, covering)
            elif waited > patience:
                raise LogUnavailable(f"{self._settings.results_topic} can't be read to its end")

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.poll(min(_TURN, self._settings.lease / 10))
            except UnlearnError as error:
                LOG.warning("the results can't be followed, trying again: %s", error)
                self._stop.wait(1.0)

    def _swap(self, merged: Mapping[int, Merged]) -> None:
        # Made before it is needed: no caller waits for it.
        self._ensembles.of(_states(merged, self._leased(merged)))
        self._merged = merged

    def _leased(self, merged: Mapping[int, Merged]) -> set[int]:
        now = self._clock()
        return {p for p, one in merged.items() if one.leased(now, self._settings.lease)}

    def _covering(self) -> set[int]:
        """The partitions whose merged manifests reach the end of the events topic, read after the merging."""
        topic = self._settings.events_topic
        bounds = self._log.bounds(topic)
        if any(p not in bounds for p in self._partitions):
            raise Refused(
                f"{topic} has {len(bounds)} partitions and the model {len(self._partitions)}; "
                "set UNLEARN_PARTITIONS to what the model was made with"
            )
        return {p for p, one in self._merged.items() if one.covers(bounds[p][1])}

    def _served(self, merged: Mapping[int, Merged], live: Collection[int]) -> Served:
        left_out = tuple(p for p in self._partitions if p not in live)
        check_quorum(len(live), left_out, self._settings.quorum)
        ensemble = self._ensembles.of(_states(merged, live))
        return Served(self._learner, ensemble, version_of(merged), left_out)


def _states(merged: Mapping[int, Merged], live: Collection[int]) -> list[Digested]:
    return [state for partition in sorted(live) for state in merged[partition].states]
