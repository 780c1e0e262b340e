"""Kafka and Redis on this machine, for the demo, the tests and by hand."""

from __future__ import annotations

from processor.services.kafka import LocalKafka
from processor.services.protocol import Say, Service
from processor.services.redis import LocalRedis
from processor.settings import Settings

__all__ = ["LocalKafka", "LocalRedis", "Say", "Service", "local_services"]


def local_services(settings: Settings) -> list[Service]:
    """The services of `settings`, in the order in which they start. Raises SettingsError."""
    return [LocalRedis(settings), LocalKafka(settings)]
