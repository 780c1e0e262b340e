"""Makes a client within the request timeout, or says what the mistake is."""

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

from unlearn.environment.tls_files import TlsFilesWrong
from unlearn.errors import LogDenied, LogUnavailable, UnlearnError
from unlearn.log.kafka.errors import DENIED, translate
from unlearn.log.kafka.security.diagnosis import diagnose
from unlearn.log.kafka.security.options import client_options
from unlearn.log.kafka.selector import LeanSelector
from unlearn.settings import KafkaSettings

__all__ = ["connected"]

_log = logging.getLogger(__name__)
_AT_LEAST = 0.5
_FIRST, _AT_A_TIME = 1.0, 3.0
"""Seconds that the first attempt takes at most, and each after it. After one that fails the mistake is looked for, and
the log says what is waited for."""
_NOTED = 100
_FAILURES = (UnlearnError, kafka_errors.KafkaError, AssertionError, TypeError, ValueError, OSError)


def connected(kind: Callable[..., Any], settings: KafkaSettings, within: float | None = None, **options: Any) -> Any:
    """A client of this kind, connected. `within`: seconds to try; the request timeout unless given.

    A signal can interrupt it. Raises LogUnavailable or LogDenied, which name the mistake where it can be found out.
    """
    _require_files(settings)
    options = client_options(settings) | options
    patience = settings.request_timeout if within is None else within
    deadline, waited = time.monotonic() + patience, False
    while True:
        attempt = min(_AT_A_TIME if waited else _FIRST, max(0.001, deadline - time.monotonic()))
        try:
            return _interruptible(lambda a=attempt: _made(kind, a, **options))  # type: ignore[misc]
        except _FAILURES as error:
            failure, final = _failure(error, settings, attempt)
        if final or time.monotonic() >= deadline:
            raise failure
        if not waited:
            _log.warning("waiting for Kafka at %s: %s", settings.bootstrap_servers, failure)
            waited = True
        time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))


def _require_files(settings: KafkaSettings) -> None:
    """Raise LogUnavailable for files of TLS that can't be used: the client would wait for some for ever."""
    if settings.security_protocol.endswith("SSL"):
        try:
            settings.tls_files.context()
        except TlsFilesWrong as error:
            raise LogUnavailable(str(error)) from None


def _failure(error: BaseException, settings: KafkaSettings, patience: float) -> tuple[UnlearnError, bool]:
    """(the error to raise, whether waiting can't help)."""
    told = translate(error, "connecting")
    if isinstance(told, LogUnavailable):
        found = diagnose(settings, max(patience, _AT_LEAST))
        if found.final or not isinstance(told, LogDenied):
            return found.error, found.final
    return told, not isinstance(told, LogUnavailable) or told.exit_code != LogUnavailable.exit_code


def _made(kind: Callable[..., Any], within: float, **options: Any) -> Any:
    """One attempt to make a client. If it fails, nothing of it is left running, as the client alone would leave it.

    A refused login is raised as such; the client alone would try it again until the time is over.
    """
    made: list[Any] = []
    failures: list[BaseException] = []

    def net_client(**more: Any) -> Any:
        client = KafkaNetClient(**more)
        manager = client._manager  # noqa: SLF001
        manager.get_connection = _noting(manager.get_connection, failures)
        made.append(client)
        return client

    try:
        patience = round(within * 1000)
        return kind(**options, kafka_client=net_client, selector=LeanSelector, bootstrap_timeout_ms=patience)
    except BaseException:
        for client in made:
            with contextlib.suppress(Exception):
                client.close()
        refused = next((error for error in failures if isinstance(error, DENIED)), None)
        if refused is not None:
            raise refused from None
        raise


def _noting(connect: Callable[..., Any], failures: list[BaseException]) -> Callable[..., Any]:
    def noted(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        # A bound, as the failures of a client that got connected would pile up, and nobody reads them.
        connection.init_future.add_errback(lambda error: failures.append(error) if len(failures) < _NOTED else None)
        return connection

    return noted


def _interruptible(make: Callable[[], Any]) -> Any:
    """What `make` returns, called on a thread of its own: the client may swallow what a signal's handler raises."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(make())
        except BaseException as error:  # noqa: BLE001  handed to who waits
            answer.set_exception(error)

    threading.Thread(target=run, name="connecting", daemon=True).start()
    return answer.result()
