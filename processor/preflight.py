"""What must hold before a worker consumes anything: topics, Redis' policies, the model's identity."""

from __future__ import annotations

import logging
from collections.abc import Callable

import redis

from processor.errors import Refused, TopicMissing
from processor.identity import check_identity
from processor.log.protocol import Log
from processor.settings import Settings
from processor.state.fitness import look, redis_problems
from processor.state.redis import PartitionState
from processor.state.refusals import place_of
from processor.view import View

__all__ = ["check_all", "check_redis", "check_topics"]

_log = logging.getLogger(__name__)


def check_all(
    settings: Settings, log: Log, client: redis.Redis, state_of: Callable[[int], PartitionState], identity: str
) -> None:
    """Raises TopicMissing, Refused, IdentityChanged, LogUnavailable, StateUnavailable; nothing was consumed."""
    check_redis(client, unchecked=settings.redis.unchecked)
    check_topics(settings, log)
    for partition in range(settings.partitions):
        stored = View(state_of(partition).load()).meta.get("identity")
        if stored is not None:
            check_identity(stored, identity)


def check_topics(settings: Settings, log: Log) -> None:
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


def check_redis(client: redis.Redis, *, unchecked: bool = False) -> None:
    """Raises Refused where Redis could lose or drop what it holds, StateUnavailable; warns where it isn't
    persistent, and, if it may be used `unchecked`, where it doesn't tell."""
    problems, warnings = redis_problems(look(client), unchecked=unchecked)
    for warning in warnings:
        _log.warning("%s", warning)
    if problems:
        raise Refused(f"Redis at {place_of(client)} can't be used: {'; '.join(problems)}")
