"""Why a reading consumer has lost Kafka. The client says nothing of it, so the mistake is looked for beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kafka import KafkaConsumer

from unlearn.log.kafka.security.diagnosis import Diagnosis, diagnose
from unlearn.settings import KafkaSettings

__all__ = ["Outage"]

AFTER, AGAIN = 5.0, 15.0
"""Seconds without any connection after which the mistake is looked for, and until it is looked for again."""


class Outage:
    """Why a consumer has had no connection for a while, where a setting is the reason; "" where waiting may help."""

    def __init__(
        self,
        settings: KafkaSettings,
        look: Callable[[KafkaSettings], Diagnosis] = diagnose,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._look, self._now = settings, look, now
        self._since: float | None = None
        self._look_at = 0.0
        self._found = ""
        self._looking: threading.Thread | None = None

    def words(self, reader: KafkaConsumer) -> str:
        """To be asked at each poll; it never waits."""
        now = self._now()
        if _is_connected(reader):
            self._since, self._found = None, ""
            return ""
        if self._since is None:
            self._since, self._look_at = now, now + AFTER
        if now >= self._look_at and (self._looking is None or not self._looking.is_alive()):
            self._look_at = now + AGAIN
            self._looking = threading.Thread(target=self._search, name="diagnosis", daemon=True)
            self._looking.start()
        return self._found

    def _search(self) -> None:
        found = self._look(self._settings)
        self._found = str(found.error) if found.final else ""


def _is_connected(reader: KafkaConsumer) -> bool:
    connections = list(reader._client._manager._conns.values())  # noqa: SLF001
    return any(connection.connected for connection in connections)
