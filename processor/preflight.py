"""What must hold before a worker consumes anything: topics, Redis' policies, the model's identity."""

from __future__ import annotations

import logging
from collections.abc import Callable

import redis

from processor.errors import Refused, StateUnavailable, TopicMissing
from processor.identity import check_identity
from processor.log.protocol import Log
from processor.settings import Settings
from processor.state.fitness import look, redis_problems
from processor.state.redis import PartitionState
from processor.view import View

__all__ = ["check_all", "check_redis", "check_topics"]

_log = logging.getLogger(__name__)


def check_all(
    settings: Settings, log: Log, client: redis.Redis, state_of: Callable[[int], PartitionState], identity: str
) -> None:
    """Raises TopicMissing, Refused, IdentityChanged, LogUnavailable, StateUnavailable; nothing was consumed."""
    check_topics(settings, log)
    check_redis(client)
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


def check_redis(client: redis.Redis) -> None:
    """Raises Refused where Redis could lose or drop what it holds; warns where it isn't persistent."""
    try:
        problems, warnings = redis_problems(*look(client))
    except redis.RedisError as error:
        raise StateUnavailable(
            f"Redis does not answer ({type(error).__name__}): check UNLEARN_REDIS__URL, or start one with: "
            "unlearn services up"
        ) from error
    for warning in warnings:
        _log.warning("%s", warning)
    if problems:
        raise Refused(f"Redis can't be used: {'; '.join(problems)}")
