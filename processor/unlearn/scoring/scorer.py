"""The scorer: follows the results topic, and serves the states that the partitions' owners vouch for.

A partition is served while its newest manifest is merged, no higher counter was seen on it, and a heartbeat of its
owner is younger than the lease (see `unlearn.scoring.lease`); `Scorer.once` asks instead whether the manifest covers
the events topic. Where a manifest can't be merged (`unlearn.scoring.trust` has the rules), the one before it is served
for as long as its lease lasts. With fewer partitions than the quorum there is no answer. No wall clock decides
anything.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from unlearn.errors import LogDenied, LogUnavailable, NotEnough, Refused, ScorerStopped, SettingsError, UnlearnError
from unlearn.log.protocol import Log
from unlearn.scoring.changes import Change, Changes
from unlearn.scoring.connecting import given_settings, published_model
from unlearn.scoring.content import LastContent
from unlearn.scoring.follower import Follower
from unlearn.scoring.loader import Digested
from unlearn.scoring.merger import Merger, dated
from unlearn.scoring.polling import Polling
from unlearn.scoring.published_model import PublishedModel, of_settings
from unlearn.scoring.serving import (
    Answer,
    Ensembles,
    Merged,
    Served,
    check_answerable,
    check_quorum,
    is_answerable,
    version_of,
)
from unlearn.scoring.trust import Verify, unsigned
from unlearn.settings import Settings
from unlearn.storage.artefacts import Store, open_store
from unlearn_models.base.rows import Rows

__all__ = ["Answer", "Scorer", "Served"]

_TURN = 0.25


class Scorer:
    """Poll it from one thread (or `start` one); score from any.

    `settings` say which topics are followed, and for how long an answer holds; `model` what is served. In a forked
    process a scorer that `connect` made begins anew at its first use there, with connections and a thread of its own;
    one made on a given log raises ScorerStopped. Raises TopicMissing, LogUnavailable.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        store: Store,
        model: PublishedModel,
        clock: Callable[[], float] = time.monotonic,
        *,
        verify: Verify = unsigned,
    ) -> None:
        self._settings, self._store, self._model, self._clock = settings, store, model, clock
        self._verify = verify
        self._partitions = range(model.partitions)
        self._changes = Changes()
        self._open_log: Callable[[], Log] | None = None
        self._inherited: list[object] = []  # the parent process's: never closed or finalized here
        self._forks: dict[int, threading.Lock] = {}
        self._begin(log)

    def _begin(self, log: Log) -> None:
        """Make everything that belongs to one process; of the results nothing is read yet."""
        self._log = log
        self._follower = Follower(self._settings, self._model.partitions, log, self._clock)
        self._merger = Merger(self._model, self._store, self._verify)
        self._ensembles, self._content = Ensembles(self._model.learner), LastContent()
        self._merged: Mapping[int, Merged] = {}  # replaced whole, never changed: readers need no lock
        self._turning = threading.Lock()
        self._polling = Polling(self._turn)
        self._pid = os.getpid()

    @classmethod
    def connect(
        cls,
        settings: Settings | None = None,
        *,
        bootstrap_servers: str | None = None,
        model: str | None = None,
        store: str | Mapping[str, Any] | None = None,
        identity: str | None = None,
        wait: float = 30.0,
        **more: Any,
    ) -> Self:
        """A scorer on a model's Kafka and store.

        With all `settings` of the model, its secret too, nothing has to be published yet. Else its manifests say what
        it is, and the scorer waits up to `wait` seconds for the first: `bootstrap_servers` is host:port of its brokers,
        `model` its name, `store` the URL of its store or a dictionary of its `url`, `endpoint` and the like, and `more`
        are any other settings by their names (`kafka` a dictionary, `lease`, `quorum`, `topics`); what is given and
        isn't the model's is an error. `identity`: the hash that its manifests bear, where there are several models of
        its name, or none but this one is to be trusted.

        Raises SettingsError, NotEnough where no manifest says what the model is, TopicMissing, LogUnavailable.
        """
        places = {"bootstrap_servers": bootstrap_servers, "model": model, "store": store}
        given = {name: value for name, value in {**places, **more}.items() if value is not None}
        if settings is not None and given:
            raise SettingsError(f"give all settings of the model, or by hand: {', '.join(given)}")
        if settings is not None:
            return cls._connected(settings, lambda _: of_settings(settings, identity))
        return cls.by_manifests(given_settings(given), given, identity=identity, wait=wait)

    @classmethod
    def by_manifests(
        cls, settings: Settings, given: Collection[str], *, identity: str | None = None, wait: float
    ) -> Self:
        """As `connect` by hand, with settings of which those in `given` must be the model's."""
        return cls._connected(settings, lambda log: published_model(log, settings, given, identity, wait))

    @classmethod
    def _connected(cls, settings: Settings, model_on: Callable[[Log], PublishedModel]) -> Self:
        """One that closes its log, and connects anew in a forked process."""
        from unlearn.log.kafka.log import KafkaLog

        settings = settings.named("scorer")
        log = KafkaLog(settings.kafka)
        try:
            scorer = cls(settings, log, open_store(settings.store, settings.model), model_on(log))
        except UnlearnError:
            log.close()
            raise
        scorer._open_log = lambda: KafkaLog(settings.kafka)
        return scorer

    def start(self) -> Self:
        """Poll in a thread until `close`; gives the scorer itself.

        During an outage the thread goes on trying, and the leases run out. Any other error ends the thread: from then
        on every answer is ScorerStopped, with the reason.
        """
        self._check()
        if not self._polling.started:
            self._polling.start()
        return self

    def close(self) -> None:
        """Give no answers from now on, and wait for a poll that is under way. What `served` gave can still be used.

        Safe to repeat, and from any thread.
        """
        if self._pid != os.getpid():
            self._inherited.append(self._polling)
            self._polling = Polling(self._turn)
        self._polling.stop()
        if self._pid != os.getpid():
            return
        with self._turning:
            self._follower.close()
            if self._open_log:
                self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self, timeout: float) -> bool:
        """One turn: read, merge, fetch, swap. Waits up to `timeout` seconds for news.

        False while the topic's end, as it stood at the call, is not reached; nothing is fetched before.
        Raises LogUnavailable, TopicMissing, ScorerStopped.
        """
        self._check()
        with self._turning:
            self._check()
            try:
                return self._read(timeout)
            finally:
                # Whatever went wrong: leases end in an outage, too.
                self._changes.look(self._merged, self._leased(self._merged), self._partitions)

    def _read(self, timeout: float) -> bool:
        caught_up = self._follower.read(timeout)
        results = self._follower.results
        # Before anything is fetched, as a higher counter stops a partition at once.
        self._swap({p: dated(one, results.of(p)) for p, one in self._merged.items()})
        if caught_up:
            self._swap(self._merger.merge(results, self._merged))
        return caught_up

    @property
    def last_change(self) -> Change | None:
        """What was told last by `on_change`, whoever heard it; None before anything was served."""
        return self._changes.last

    def on_change(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Have it called, by the thread that polls, whenever what is served has changed: other states, or none.

        Returns what ends that. The callback should be quick, as no version is swapped meanwhile; what it raises is
        logged.
        """
        return self._changes.add(callback)

    def wait(self, timeout: float) -> bool:
        """With a thread running: wait until every partition is served. False after `timeout` seconds.

        Raises ScorerStopped.
        """
        deadline = time.monotonic() + timeout
        self._check()
        while self.left_out and time.monotonic() < deadline:
            time.sleep(0.02)
            self._check()
        return not self.left_out

    @property
    def version(self) -> int | None:
        """Results offset of the newest manifest merged; None before the first."""
        return version_of(self._merged) if self._pid == os.getpid() else None

    @property
    def merged(self) -> Mapping[int, Merged]:
        """The newest manifest that is merged of each partition, whether it may be served now or not."""
        return self._merged

    @property
    def lease_ends(self) -> datetime | None:
        """When what is served now may be served no longer, by this machine's clock; None if nothing is served now."""
        try:
            return self.served().lease_ends
        except (NotEnough, ScorerStopped):
            return None

    @property
    def left_out(self) -> tuple[int, ...]:
        """The partitions that aren't served now: all of them, once nothing is followed any more."""
        try:
            self._check()
        except UnlearnError:
            return tuple(self._partitions)
        leased = self._leased(self._merged)
        return tuple(p for p in self._partitions if p not in leased)

    @property
    def problems(self) -> Mapping[int, str]:
        """Partition -> why its newest manifest isn't merged; partitions beyond the settings' are named too."""
        return self._merger.problems

    def served(self) -> Served:
        """What may be served now. Raises NotEnough if that is less than the quorum, ScorerStopped."""
        self._check()
        merged = self._merged
        live = self._leased(merged)
        until = min((merged[p].leased_until(self._settings.lease) for p in live), default=None)
        return self._served(merged, live, Merged.why_not_leased, until)

    def scores(self, inputs: Sequence[str] | Rows) -> Answer:
        """The probabilities (n, classes) of n texts, or of rows of features.

        Raises NotEnough, ScorerStopped, AnswerInvalid, unlearn_models.BadRows.
        """
        return self.served().scores(inputs)

    def predict(self, inputs: Sequence[str] | Rows) -> list[str]:
        """The likeliest label of each input. Raises as `scores` does."""
        return self.served().predict(inputs)

    def once(self, wait: float) -> Served:
        """What may be served without heartbeats, for commands that run once: partitions whose manifest covers the log.

        Polls up to `wait` seconds for all partitions to do so, and for a shard that is trained; then serves those that
        do. Raises NotEnough, LogDenied, LogUnavailable, TopicMissing, and Refused if the events topic has fewer
        partitions than the model.
        """
        start = self._clock()
        patience = max(wait, self._settings.kafka.request_timeout)
        while True:
            waited = self._clock() - start
            if self.poll(min(_TURN, max(0.01, wait - waited))):
                covering = self._covering()
                if waited >= wait or self._is_whole(covering):
                    return self._served(self._merged, covering, Merged.why_not_covering)
            if isinstance(self._follower.trouble, LogDenied):
                raise LogDenied(str(self._follower.trouble))
            if waited > patience:
                raise LogUnavailable(f"{self._settings.results_topic} can't be read to its end")

    def _is_whole(self, covering: Collection[int]) -> bool:
        """Whether all partitions cover the log, and something of them can answer."""
        return len(covering) == len(self._partitions) and is_answerable((self._merged[p] for p in covering), ())

    def _turn(self) -> None:
        self.poll(min(_TURN, self._settings.lease / 10))

    def _check(self) -> None:
        """Raise ScorerStopped if the answers don't follow the model any more.

        In a forked process, begin anew first.
        """
        if self._pid != os.getpid():
            self._begin_anew()
        self._polling.check()

    def _begin_anew(self) -> None:
        """Make everything anew in a forked process, which hasn't the parent's thread and must not use its connections.

        Locks of the parent may be held for ever by threads that aren't here, so each process has its own.
        """
        with self._forks.setdefault(os.getpid(), threading.Lock()):
            if self._pid == os.getpid() or self._polling.stopped:
                return
            if self._open_log is None:
                raise ScorerStopped(
                    f"the scorer is of process {self._pid}, and this is {os.getpid()}, forked from it: make one here"
                )
            started = self._polling.started
            self._inherited += [self._log, self._follower, self._polling, self._merger, self._ensembles]
            log = self._open_log()
            try:
                self._begin(log)
            except UnlearnError:
                log.close()
                raise
            if started:
                self._polling.start()

    def _swap(self, merged: Mapping[int, Merged]) -> None:
        # The ensemble is made before it is needed, so that no caller waits for it.
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

    def _served(
        self,
        merged: Mapping[int, Merged],
        live: Collection[int],
        why_not: Callable[[Merged], str],
        until: float | None = None,
    ) -> Served:
        left_out = tuple(p for p in self._partitions if p not in live)
        if self._merger.beyond:
            beyond = ", ".join(map(str, self._merger.beyond))
            raise NotEnough(
                f"the model has manifests of partitions {beyond} too, and UNLEARN_PARTITIONS is "
                f"{len(self._partitions)}: what could be served is a part of it",
                tuple(self._partitions),
            )
        reasons = {p: self._reason(merged, p, why_not) for p in left_out}
        check_quorum(len(self._partitions), reasons, self._settings.quorum)
        check_answerable((merged[p] for p in live), left_out)
        states = _states(merged, live)
        ensemble = self._ensembles.of(states)
        version, content = version_of(merged), self._content.of([merged[p].manifest for p in sorted(live)])
        return Served(self._model.learner, ensemble, version, left_out, content, until, self._clock, bool(states))

    def _reason(self, merged: Mapping[int, Merged], partition: int, why_not: Callable[[Merged], str]) -> str:
        """Why a partition is left out."""
        if partition in self.problems:
            return self.problems[partition]
        return why_not(merged[partition]) if partition in merged else "no manifest of it is there"


def _states(merged: Mapping[int, Merged], live: Collection[int]) -> list[Digested]:
    return [state for partition in sorted(live) for state in merged[partition].states]
