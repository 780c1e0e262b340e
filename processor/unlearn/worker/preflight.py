"""What must hold before a worker consumes anything, and of the events topic while it does: topics, Redis' policies, the
model's identity."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future

import redis

from unlearn.environment.clock import Clock
from unlearn.errors import LogRefused, LogUnavailable, Refused, TopicMissing, UnlearnError
from unlearn.identity import as_made, as_published, check_identity, readings_of
from unlearn.log.protocol import Log
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Results, read_results
from unlearn.settings import Settings
from unlearn.state.health import look, redis_problems
from unlearn.state.refusals import place_of
from unlearn.state.scripts import PartitionState, kept_identities
from unlearn.storage.marker import Guarded, read_marker
from unlearn.storage.store_binding import Binding
from unlearn_models.base.learner import Learner

__all__ = [
    "KeptEvents",
    "bind_store",
    "check_kept",
    "check_made",
    "check_redis",
    "check_services",
    "check_topics",
    "settings_as_made",
]

_log = logging.getLogger(__name__)
_KEPT_EVERY = 60.0


def check_services(settings: Settings, log: Log, client: redis.Redis) -> None:
    """Check Redis and the topics before anything is consumed.

    Raises TopicMissing, Refused, LogUnavailable, StateUnavailable.
    """
    check_redis(client, unchecked=settings.redis.unchecked)
    check_topics(settings, log)


def check_made(settings: Settings, state_of: Callable[[int], PartitionState], identity: str) -> None:
    """Check that the model, if there is one, was made with these settings. Raises IdentityChanged, StateUnavailable."""
    for stored in kept_identities(state_of, settings.partitions):
        check_identity(stored, identity, settings.events_topic)


def settings_as_made(
    settings: Settings, log: Log, state_of: Callable[[int], PartitionState], store: Guarded, learner: Learner
) -> Settings:
    """The settings as the model has them that is there: in Redis, or where that is lost, in its store or manifests.

    Raises LogUnavailable, StateUnavailable, StoreUnavailable, and TopicMissing for the results topic.
    """
    if readings_of(settings) == [settings]:
        return settings
    kept = kept_identities(state_of, settings.partitions)
    if not kept and (marker := read_marker(store)) is not None and marker.model == settings.model:
        kept = [marker.identity]
    if kept:
        return as_made(settings, kept)
    topic, patience = settings.results_topic, settings.kafka.request_timeout
    found = read_results(log, topic, settings.model, settings.partitions, patience)
    newest = [held.manifest for held in found.partitions.values()] if found is not None else []
    return as_published(settings, learner, {manifest.identity for manifest in newest if manifest is not None})


def bind_store(
    settings: Settings,
    log: Log,
    store: Guarded,
    state_of: Callable[[int], PartitionState],
    identity: str,
    *,
    rebuild: bool,
) -> None:
    """Tie the store to the model if the model is new, else check that it is its own. Raises as `Binding.bind` does."""

    def results() -> Results:
        topic, holds = settings.results_topic, Prover(settings.secret_bytes).holds
        found = read_results(log, topic, settings.model, settings.partitions, settings.kafka.request_timeout, holds)
        if found is None:
            raise LogUnavailable(f"{topic} can't be read to its end")
        return found

    Binding(settings, log, store, state_of, identity, rebuild=rebuild).bind(results)


def check_topics(settings: Settings, log: Log) -> None:
    """Check that all topics are there, with partitions enough, and that events aren't compacted.

    Raises TopicMissing, Refused, LogUnavailable.
    """
    topics = {
        settings.events_topic: settings.partitions,
        settings.results_topic: 1,
        settings.receipts_topic: 1,
        settings.dead_letters_topic: 1,
    }
    for topic, needed in topics.items():
        try:
            found = log.partitions(topic)
        except TopicMissing:
            raise TopicMissing(f"the topic {topic} isn't there; make it with: unlearn topics create") from None
        if found < needed:
            raise Refused(
                f"the topic {topic} has {found} partitions, the model needs {needed}: "
                "add partitions, or set UNLEARN_PARTITIONS to the count the model was made with"
            )
    check_kept(settings.events_topic, log)


def check_kept(topic: str, log: Log) -> None:
    """Raise Refused if the events topic is compacted: then the log loses events, and deletions among them."""
    try:
        why = why_not_kept(topic, log)
    except LogRefused as error:
        _log.warning("whether events stay in %s can't be seen, it must not be compacted: %s", topic, error)
        return
    if why:
        raise Refused(why)


def why_not_kept(topic: str, log: Log) -> str:
    """Why the log loses events of the topic, and what to do; empty if it keeps all.

    Raises LogRefused, LogUnavailable.
    """
    found = log.topic(topic)
    policy = found.config.get("cleanup.policy", "") if found else ""
    if "compact" not in policy:
        return ""
    return (
        f"the topic {topic} has cleanup.policy={policy}: compaction takes events out of it, deletions too, and a "
        "model must be made of all. Send all events to a new topic that `unlearn topics create` makes; if nothing "
        "was compacted yet: kafka-configs.sh --alter --entity-type topics "
        f"--entity-name {topic} --add-config cleanup.policy=delete"
    )


class KeptEvents:
    """The repeated look, on the I/O thread, whether the log keeps the topic's events: somebody may have it compacted
    while workers read it."""

    def __init__(self, topic: str, log: Log, io: Executor, clock: Clock) -> None:
        self._topic = topic
        self._log = log
        self._io = io
        self._clock = clock
        self._due_at = clock.monotonic() + _KEPT_EVERY
        self._looking: Future[str] | None = None

    def turn(self) -> str:
        """Begin a look if it is time. Returns why events are lost if a look has just found that, else nothing."""
        now, why = self._clock.monotonic(), ""
        if self._looking is not None and self._looking.done():
            looked, self._looking = self._looking, None
            why = looked.result()
        if self._looking is None and now >= self._due_at:
            self._due_at = now + _KEPT_EVERY
            self._looking = self._io.submit(self._look)
        return why

    def _look(self) -> str:
        try:
            return why_not_kept(self._topic, self._log)
        except UnlearnError:
            return ""  # that it can't be seen was said at the start; the next look asks again
        except Exception:  # noqa: BLE001  no look may end the worker
            _log.exception("whether events stay in %s can't be seen", self._topic)
            return ""


def check_redis(client: redis.Redis, *, unchecked: bool = False) -> None:
    """Raise Refused where Redis could drop or forget what it holds; log a warning where a restart may lose the newest.

    `unchecked`: what Redis doesn't tell is only worth a warning. Raises StateUnavailable, too.
    """
    problems, warnings = redis_problems(look(client), unchecked=unchecked)
    for warning in warnings:
        _log.warning("%s", warning)
    if problems:
        raise Refused(f"Redis at {place_of(client)} can't be used: {'; '.join(problems)}")
