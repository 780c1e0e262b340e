"""Looks at a running model from outside: at its topics, at Redis, and through a scorer that polls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import redis

from unlearn.demo.watching.accuracy import share_right
from unlearn.demo.watching.story import NEVER, Place, Seen, shard_in, timeline
from unlearn.errors import NotEnough
from unlearn.events.event import Insert
from unlearn.log.protocol import Log
from unlearn.partition.tables import Tables
from unlearn.results.results_topic import Results
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store
from unlearn.worker.lifecycle import states
from unlearn_models.base.rows import Rows

__all__ = ["Progress", "Watch"]

_SAMPLE = 500


class Progress(NamedTuple):
    """A moment of the run; `pending` are deletions sent and not yet reported hidden."""

    sent: int
    applied: int
    records: int
    version: int | None
    served: int
    pending: int
    accuracy: float | None


class Watch:
    """Poll it from one thread; the scorer has its own. `test` are labelled rows to ask the scorer about."""

    def __init__(self, settings: Settings, log: Log, client: redis.Redis, test: Rows) -> None:
        self.seen = Seen()
        self.results = Results(settings.model)
        self.test = test
        self._sample = test.take(np.arange(min(len(test), _SAMPLE)))
        self._settings = settings
        self._partitions = range(settings.partitions)
        self._state_of = states(client, settings.model)
        self._results_tail = log.tail(settings.results_topic)
        self._receipts_tail = log.tail(settings.receipts_topic)
        self.scorer = Scorer(settings, log, open_store(settings.store, settings.model), of_settings(settings)).start()

    def close(self) -> None:
        """Stop the scorer, and stop following the topics."""
        self.scorer.close()
        self._results_tail.close()
        self._receipts_tail.close()

    def look(self, timeout: float) -> None:
        """Takes what is new on the topics; waits up to `timeout` s for it."""
        results = self._results_tail.poll(timeout)
        self.results.merge(results)
        self.seen.add_results(results)
        self.seen.add_receipts(self._receipts_tail.poll(0))

    @property
    def ready(self) -> bool:
        """Whether every partition has an owner that publishes."""
        return all(self.results.of(p).manifest is not None for p in self._partitions)

    def views(self) -> list[Tables]:
        """The tables of every partition, as Redis holds them now."""
        return [Tables(self._state_of(partition).load()) for partition in self._partitions]

    @property
    def serves_newest(self) -> bool:
        """Whether the scorer serves every partition, and the newest version that was seen."""
        return not self.scorer.left_out and self.scorer.version == self.results.version

    def has_held(self, insert: Insert, place: Place | None) -> bool:
        """Whether any version has held the record inserted at `place`. False while the place isn't known (None)."""
        if place is None:
            return False
        shard = shard_in(self._settings, insert)
        return timeline(self.seen.standings, place, (place[0], NEVER), shard).holding is not None

    def progress(self, sent: int, deletions: int) -> Progress:
        """How far the run is, after `sent` events, of which `deletions` were deletions."""
        views = self.views()
        return Progress(
            sent,
            sum(view.applied for view in views),
            sum(view.number("live") for view in views),
            self.results.version,
            len(self._partitions) - len(self.scorer.left_out),
            deletions - len(self.seen.hidden),
            self._accuracy(),
        )

    def _accuracy(self) -> float | None:
        try:
            served = self.scorer.served()
        except NotEnough:
            return None
        if served.version is None or not len(self._sample):
            return None
        return share_right(served.scores(self._sample).scores, self._sample)
