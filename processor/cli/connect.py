"""How a command opens what the settings name: the log, Redis, the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from processor.log.protocol import Log
from processor.settings import Settings

if TYPE_CHECKING:
    import redis

    from processor.store import Store


@contextmanager
def open_log(settings: Settings) -> Iterator[Log]:
    """The Kafka of the settings, closed at the end."""
    from processor.log.kafka import KafkaLog

    log = KafkaLog(settings.kafka)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def open_redis(settings: Settings) -> Iterator[redis.Redis]:
    """The Redis of the settings, once it has answered; closed at the end. Raises StateUnavailable, one of its
    kinds where Redis refuses or is of an unsupported kind."""
    from processor.state.fitness import require_single
    from processor.state.redis import connect

    with closing(connect(settings.redis.url.get_secret_value())) as client:
        require_single(client)
        yield client


def open_store(settings: Settings) -> Store:
    """The store of the settings. Raises SettingsError."""
    from processor import store

    return store.open_store(settings.store.url, settings.model)
