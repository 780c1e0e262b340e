"""Events on their way to their home partitions: each is acknowledged, or named in an error."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import NamedTuple

from unlearn.client.arguments import Message
from unlearn.errors import ClientStopped, LogUnavailable, NotSent, SettingsError, UnlearnError
from unlearn.events.partitioner import home
from unlearn.log.protocol import Log, Producer
from unlearn.settings import Settings

__all__ = ["Sends", "patience_of", "require_partitions"]

_IN_FLIGHT = 8 * 1024 * 1024
"""Bytes that may wait for their acknowledgement; beyond, sending waits."""


class _Waiting(NamedTuple):
    event_id: str
    size: int
    answer: Future[int]


class Sends:
    """Sends from any thread. `partitions` is the count when the model was made; `patience` is how many seconds to wait
    for an acknowledgement."""

    def __init__(self, producer: Producer, topic: str, partitions: int, patience: float) -> None:
        self._producer, self._topic, self._partitions, self._patience = producer, topic, partitions, patience
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._in_flight = 0
        self._unsent: list[str] = []
        self._error: UnlearnError | None = None
        self._ended = False

    def now(self, message: Message) -> tuple[int, int]:
        """Send, and wait for the acknowledgement. Returns partition and offset. Raises NotSent, ClientStopped."""
        partition, answer = self._start(message)
        error = _error_of(answer, self._patience)
        if error is not None:
            raise NotSent((message.event_id,), error) from error
        return partition, answer.result()

    def later(self, message: Message) -> None:
        """Send, and wait only while too much is on its way. Raises as `finish` does, for earlier events too."""
        _, answer = self._start(message)  # without the lock, as in an outage Kafka's client blocks there
        with self._lock:
            self._waiting.append(_Waiting(message.event_id, len(message.value), answer))
            self._in_flight += len(message.value)
            while self._waiting and (self._waiting[0].answer.done() or self._in_flight > _IN_FLIGHT):
                self._settle_first(self._patience)
            if self._unsent or self._ended:
                self._settle_all()

    def finish(self, *, ends: bool = False) -> None:
        """Wait until all events are acknowledged; with `ends` none is taken any more.

        Raises NotSent, which names those that aren't.
        """
        with self._lock:
            self._ended = self._ended or ends
            self._settle_all()

    def _start(self, message: Message) -> tuple[int, Future[int]]:
        if self._ended:
            raise ClientStopped("the client is closed")
        partition = home(message.key, self._partitions)
        return partition, self._producer.send(self._topic, partition, message.key, message.value, message.headers)

    def _settle_all(self) -> None:
        until = time.monotonic() + self._patience
        while self._waiting:
            self._settle_first(max(0.0, until - time.monotonic()))
        unsent, error = tuple(self._unsent), self._error
        self._unsent, self._error = [], None
        if error is not None:
            raise NotSent(unsent, error) from error

    def _settle_first(self, patience: float) -> None:
        sent = self._waiting[0]
        error = _error_of(sent.answer, patience)
        self._waiting.popleft()
        self._in_flight -= sent.size
        if error is not None:
            self._unsent.append(sent.event_id)
            self._error = self._error or error


def _error_of(answer: Future[int], patience: float) -> UnlearnError | None:
    """Why the record isn't acknowledged; None if it is."""
    try:
        answer.result(patience)
    except FutureTimeout:
        return LogUnavailable(f"no answer from Kafka in {patience:g} s")
    except UnlearnError as error:
        return error
    return None


def patience_of(settings: Settings) -> float:
    """Seconds to wait for an acknowledgement: Kafka's client itself gives up after two request timeouts, and then says
    why."""
    return 3 * settings.kafka.request_timeout


def require_partitions(log: Log, settings: Settings) -> None:
    """Raise SettingsError where the events topic has fewer partitions than the model."""
    found = log.partitions(settings.events_topic)
    if found < settings.partitions:
        raise SettingsError(
            f"the topic {settings.events_topic} has {found} partitions and the model {settings.partitions}: "
            "set UNLEARN_PARTITIONS to the model's count, or add partitions"
        )
