"""Reads how the model stands: what each partition has applied, holds and still owes. It needs no token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import redis

from unlearn.admin.stamped_tail import StampedTail
from unlearn.admin.status.held import Held, partition_status
from unlearn.admin.status.status import Status
from unlearn.errors import LogUnavailable, StoreUnavailable
from unlearn.identity import is_secret_of
from unlearn.log.protocol import Log
from unlearn.partition.tables import Tables
from unlearn.results.log_ends import ends_of
from unlearn.results.manifest import Manifest
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Published, Results
from unlearn.settings import Settings
from unlearn.state.health import look, redis_problems, redis_shortages
from unlearn.state.keys import TABLE_HASHES, Keys
from unlearn.state.snapshot import read_snapshot
from unlearn.storage.artefacts import open_store
from unlearn.storage.store_binding import stranger
from unlearn.worker.preflight import check_topics

__all__ = ["Look", "StatusReader"]


class Look(NamedTuple):
    """The model's status, and what it was made of, by partition."""

    status: Status
    held: Mapping[int, Held]
    published: Mapping[int, Published]


class StatusReader:
    """Reads Redis, the log's ends and the results topic, which it follows from one read to the next.

    `forgets` says whether the learner forgets; `clock` gives seconds since 1970. Making one checks that the topics
    suit the settings: raises TopicMissing, Refused, LogUnavailable.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        client: redis.Redis,
        forgets: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_topics(settings, log)
        self._settings = settings
        self._log = log
        self._client = client
        self._forgets = forgets
        self._clock = clock
        self._tail = StampedTail(log, settings.results_topic)
        self._prover: Prover | None = None
        self._results = Results(
            settings.model,
            date=self._tail.appended_at,
            count=settings.partitions,
            holds=self._holds,
            ends=ends_of(log, settings.events_topic, settings.partitions),
        )

    def read(self) -> Status:
        """The model's status now. Raises StateUnavailable, LogUnavailable, TopicMissing, LogDiverged."""
        return self.look().status

    def look(self) -> Look:
        """The status with what it was made of; what was published may change at the next look. Raises as `read`."""
        count = self._log.partitions(self._settings.events_topic)
        held = [self._held(partition) for partition in range(count)]
        identities = [one.view.meta["identity"] for one in held if "identity" in one.view.meta]
        if any(is_secret_of(identity, self._settings.secret_bytes) for identity in identities):
            self._prover = Prover(self._settings.secret_bytes)
        # Asked before the bounds: what is written in between is no more held back than what was read before.
        written = self._log.written(self._settings.events_topic)
        # Read after Redis, so that no partition seems to be ahead of its log.
        bounds = self._log.bounds(self._settings.events_topic)
        if not self._results.follow(self._tail, self._settings.kafka.request_timeout):
            raise LogUnavailable(f"{self._settings.results_topic} can't be read to its end")
        now = self._clock()
        partitions = (
            partition_status(self._settings, self._forgets, p, held[p], self._results.of(p), bounds[p], written[p], now)
            for p in range(count)
        )
        status = Status(
            self._settings.model,
            self._results.version,
            tuple(partitions),
            self._redis(),
            refused=tuple(self._results.refused.values()),
            refused_count=self._results.refused_count,
            store=self._store(),
        )
        return Look(status, dict(enumerate(held)), self._results.partitions)

    def close(self) -> None:
        """Stop following the results topic."""
        self._tail.close()

    def _holds(self, manifest: Manifest) -> bool | None:
        """Whether the manifest's proof is right; None without the model's secret, which is needed to tell."""
        return self._prover.holds(manifest) if self._prover else None

    def _store(self) -> tuple[str, ...]:
        """Why this machine would refuse the store; another machine, on which a worker runs, may see another folder."""
        settings = self._settings
        named = read_snapshot(self._client, [("GET", Keys(settings.model, 0).of("store"))])[0]
        try:
            store = open_store(settings.store, settings.model)
            strange = stranger(settings, store, named.decode() if named else None)
        except StoreUnavailable as error:
            strange = str(error)
        return (strange,) if strange else ()

    def _redis(self) -> tuple[str, ...]:
        facts = look(self._client)
        problems, _ = redis_problems(facts, unchecked=self._settings.redis.unchecked)
        return (*problems, *redis_shortages(facts))

    def _held(self, partition: int) -> Held:
        keys = Keys(self._settings.model, partition)
        reads = [("HGETALL", keys.of(name)) for name in TABLE_HASHES]
        words = [("GET", keys.of(name)) for name in ("stopped", "trouble", "quiet", "unreadable")]
        *tables, stopped, trouble, quiet, unreadable, asked = read_snapshot(
            self._client, [*reads, *words, ("HKEYS", keys.of("asked"))]
        )
        return Held(
            Tables(dict(zip(TABLE_HASHES, tables, strict=True))),
            stopped.decode() if stopped else None,
            trouble.decode() if trouble else None,
            bool(quiet),
            int(unreadable) if unreadable else None,
            tuple(sorted(field.decode("latin-1") for field in asked)),
        )
