"""What all models of the tests have in common."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from unlearn.log.memory.log import MemoryLog
from unlearn.settings import Settings

__all__ = ["SECRET", "WITHOUT_WAITING", "create_topics", "new_name", "settings_of"]

SECRET = "a secret of the tests, 32 bytes.."

WITHOUT_WAITING: Mapping[str, Any] = MappingProxyType(
    {
        "partitions": 2,
        "shards_per_partition": 2,
        "seal_after": 1000,
        "window": 0,
        "publish_wait": 0,
        "publish_every": 0,
        "trainers": 0,
    }
)
"""A small model whose worker trains in its own process, publishes at once, and seals when it is told to."""


def new_name() -> str:
    """Of a model or a topic: services are shared."""
    return f"t{uuid.uuid4().hex[:12]}"


def settings_of(**values: Any) -> Settings:
    """With the tests' secret and, unless one is named, a model of their own."""
    return Settings(**{"model": new_name(), "secret": SECRET, **values})


def create_topics(log: MemoryLog, settings: Settings) -> None:
    """Those of the model that aren't there yet."""
    wanted = {settings.events_topic: settings.partitions}
    single = settings.results_topic, settings.receipts_topic, settings.dead_letters_topic, settings.history_topic
    wanted |= dict.fromkeys(single, 1)
    for topic, partitions in wanted.items():
        if log.topic(topic) is None:
            log.create_topic(topic, partitions)
