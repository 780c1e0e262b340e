"""How a command opens the log that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from processor.log.protocol import Log
from processor.settings import Settings


@contextmanager
def open_log(settings: Settings) -> Iterator[Log]:
    """The Kafka of the settings, closed at the end."""
    from processor.log.kafka import KafkaLog

    log = KafkaLog(settings.kafka)
    try:
        yield log
    finally:
        log.close()
