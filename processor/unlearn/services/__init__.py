"""Kafka and Redis on this machine, for the demo, the tests and by hand."""

from __future__ import annotations

from unlearn.services.kafka import LocalKafka
from unlearn.services.protocol import Say, Service
from unlearn.services.redis import LocalRedis
from unlearn.settings import Settings

__all__ = ["LocalKafka", "LocalRedis", "Say", "Service", "local_services"]


def local_services(settings: Settings) -> list[Service]:
    """The services of `settings`, in the order in which they start. Raises SettingsError."""
    return [LocalRedis(settings), LocalKafka(settings)]
