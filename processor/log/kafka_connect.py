"""Connecting: a client is made within the request timeout, or the error says what the mistake was."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import kafka.errors as kafka_errors
from kafka.net.compat import KafkaNetClient

from processor.errors import LogUnavailable, UnlearnError
from processor.log.kafka_diagnosis import diagnose
from processor.log.kafka_errors import translate
from processor.settings import KafkaSettings

__all__ = ["connected"]

LOG = logging.getLogger(__name__)
_AT_A_TIME = 3.0
"""Seconds of an attempt, after which it is said what is waited for."""
_FAILURES = (UnlearnError, kafka_errors.KafkaError, AssertionError, TypeError, ValueError, OSError)


def connected(kind: Callable[..., Any], settings: KafkaSettings, within: float | None = None, **options: Any) -> Any:
    """A client of this kind. `within`: seconds; the request timeout unless given.

    Can be interrupted. Raises LogUnavailable and LogDenied, which name the mistake where it can be found out.
    """
    patience = settings.request_timeout if within is None else within
    deadline, waited = time.monotonic() + patience, False
    while True:
        attempt = min(_AT_A_TIME, max(0.001, deadline - time.monotonic()))
        try:
            return _interruptible(lambda a=attempt: _made(kind, a, **options))  # type: ignore[misc]
        except _FAILURES as error:
            failure, final = _failure(error, settings)
        if final or time.monotonic() >= deadline:
            raise failure
        if not waited:
            LOG.warning("waiting for Kafka at %s: %s", settings.bootstrap_servers, failure)
            waited = True
        time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))


def _failure(error: BaseException, settings: KafkaSettings) -> tuple[UnlearnError, bool]:
    """What to raise, and whether waiting can't help."""
    if isinstance(error, kafka_errors.KafkaTimeoutError | kafka_errors.KafkaConnectionError | OSError):
        found = diagnose(settings)
        return found.error, found.final
    told = translate(error, "connecting")
    return told, not isinstance(told, LogUnavailable) or told.exit_code != LogUnavailable.exit_code


def _made(kind: Callable[..., Any], within: float, **options: Any) -> Any:
    """An attempt that fails leaves nothing running; the client's own would."""
    made: list[Any] = []

    def net_client(**more: Any) -> Any:
        made.append(KafkaNetClient(**more))
        return made[-1]

    try:
        return kind(**options, kafka_client=net_client, bootstrap_timeout_ms=round(within * 1000))
    except BaseException:
        for client in made:
            with contextlib.suppress(Exception):
                client.close()
        raise


def _interruptible(make: Callable[[], Any]) -> Any:
    """On a thread of its own: the client may swallow what a signal's handler raises."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(make())
        except BaseException as error:  # noqa: BLE001  handed to who waits
            answer.set_exception(error)

    threading.Thread(target=run, name="connecting", daemon=True).start()
    return answer.result()
