"""Sending to given partitions, on kafka-python's idempotent producer.

A client serves until its first failed record. After one that was refused it refuses all; after one that
expired in an outage it can stay silent for ever, without an error and without letting others expire. So a
failure ends the client, all that it had in flight fails with it, and the next send makes another.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, TypeVar
from weakref import WeakSet

import kafka.errors as kafka_errors
from kafka import KafkaProducer as Client

from unlearn.errors import LogDenied, LogUnavailable, UnlearnError
from unlearn.log.kafka.connect import connected
from unlearn.log.kafka.errors import why_not_sent
from unlearn.log.kafka.packing.packed_batches import BatchSizes, send_packed
from unlearn.log.protocol import Header, Message, delivery_timeout
from unlearn.settings import KafkaSettings

_log = logging.getLogger(__name__)
T = TypeVar("T")
LARGEST_REQUEST = 8 * 1024 * 1024  # bytes: the topic's max.message.bytes is the limit that counts
RENEW_WITHIN = 1.0  # s: the poll thread waits for it
RENEW_EVERY = 2.0  # s: between attempts sends fail at once
DENIED_FOR = 5.0  # s: a denied topic is left alone, as each try ends the client, and with it the sends to other topics
FAILURES = (UnlearnError, kafka_errors.KafkaError, AssertionError, TypeError, ValueError)

_living: WeakSet[Client] = WeakSet()


def _disown() -> None:
    """In a forked process: the parent's clients are not its own to close.

    Each would do so at the process's end, by locks that a thread of the parent may hold, and on its connections.
    """
    for client in _living:
        client._unregister_cleanup()  # noqa: SLF001
        client._closed = True  # noqa: SLF001


os.register_at_fork(after_in_child=_disown)


class KafkaProducer:
    """A producer on a Kafka cluster; after a failure it makes itself another client. Making one connects."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._timeout = settings.request_timeout
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._renew_at = 0.0
        self._sizes = BatchSizes()
        self._denied: dict[str, tuple[float, str]] = {}
        """Topic -> until when nothing is sent there (monotonic seconds), and what the denial said."""
        self._closed = False
        self._pending: dict[Future[Any], Client] = {}
        self._failed: UnlearnError | None = None
        self.trouble = ""
        """Why the last record that failed did so; empty once a later one is acknowledged."""
        self._ended: list[Client] = []  # the client's finalizer fails noisily before its thread is done
        self._client: Client | None = self._connect(self._timeout)

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
    ) -> Future[int]:
        # The client can't send a header without a value.
        filled = [(name, content or b"") for name, content in headers]
        return self._start(topic, lambda client: client.send(topic, value, key, filled, partition), _offset)

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        return self._start(
            topic, lambda client: send_packed(client, topic, partition, messages, headers, self._sizes), list
        )

    def flush(self, timeout: float) -> None:
        with self._lock:
            waiting = set(self._pending)
        _, late = wait(waiting, timeout)
        with self._lock:
            failed, self._failed = self._failed, None
        if failed:
            raise failed
        if late:
            raise LogUnavailable(f"Kafka has not acknowledged {len(late)} records in {timeout:g} s")

    def close(self) -> None:
        with self._renewing:
            client, self._client, self._closed = self._client, None, True
            ended, self._ended = self._ended, []
        for old in ended:
            _close(old, self._timeout)
        if client is not None:
            _close(client, self._timeout)
            self._fail_pending(client, LogUnavailable("the producer is closed"))

    def _start(self, topic: str, start: Callable[[Client], Any], told: Callable[[Any], T]) -> Future[T]:
        """`start` gives a future of the client's; `told` makes its result the answer's."""
        answer: Future[T] = Future()
        doing = f"sending to {topic}"
        try:
            self._require_right(topic)
            client = self._living()
            with self._lock:
                self._pending[answer] = client
            sent = self._begun(client, start)
        except FAILURES as error:
            self._fail(answer, why_not_sent(error, doing))
            return answer
        sent.add_callback(self._succeed, answer, told)
        sent.add_errback(self._fail_all, client, answer, topic, doing)
        return answer

    def _begun(self, client: Client, start: Callable[[Client], Any]) -> Any:
        """What `start` gives. Raises LogUnavailable where the client was ended meanwhile."""
        try:
            return start(client)
        except RuntimeError:
            # Its own thread closes a client of which a record has failed, while this one may be sending another.
            if self._client is client:
                raise
            raise LogUnavailable("a record that was sent before has failed") from None

    def _require_right(self, topic: str) -> None:
        """Raise the topic's last denial while it is left alone."""
        until, said = self._denied.get(topic, (0.0, ""))
        if time.monotonic() < until:
            raise LogDenied(said)

    def _living(self) -> Client:
        with self._renewing:
            if self._client is None:
                self._client = self._renewed()
            return self._client

    def _renewed(self) -> Client:
        if self._closed:
            raise LogUnavailable("the producer is closed")
        if time.monotonic() < self._renew_at:
            raise LogUnavailable(self.trouble or "Kafka gave no answer a moment ago")
        self._renew_at = time.monotonic() + RENEW_EVERY
        return self._connect(min(RENEW_WITHIN, self._timeout))

    def _connect(self, within: float) -> Client:
        made: Client = connected(Client, self._settings, within, **_options(self._timeout))
        _living.add(made)
        return made

    def _succeed(self, answer: Future[T], told: Callable[[Any], T], result: Any) -> None:
        with self._lock:
            known = self._pending.pop(answer, None)
        self.trouble = ""
        if known is not None:
            answer.set_result(told(result))

    def _fail_all(self, client: Client, answer: Future[Any], topic: str, doing: str, error: BaseException) -> None:
        """Runs on the client's thread, for each of its failed records; the first failure ends the client.

        The failure is this record's alone: those in flight beside it get LogUnavailable, which may be sent again, or
        LogDenied, so that whoever ends by it says that a right is missing.
        """
        failure = why_not_sent(error, doing)
        if isinstance(failure, LogDenied):
            self._denied[topic] = time.monotonic() + DENIED_FOR, str(failure)
        with self._renewing:
            if self._client is client:
                self._client = None
                self._ended.append(client)
                _abandon(client)
        self._fail(answer, failure)
        beside = LogDenied if isinstance(failure, LogDenied) else LogUnavailable
        self._fail_pending(client, beside(f"it was on its way when another record failed: {failure}"))

    def _fail_pending(self, client: Client, failure: UnlearnError) -> None:
        with self._lock:
            lost = [answer for answer, sender in self._pending.items() if sender is client]
        for answer in lost:
            self._fail(answer, failure)

    def _fail(self, answer: Future[Any], failure: UnlearnError) -> None:
        with self._lock:
            self._pending.pop(answer, None)
            self._failed = self._failed or failure
            self.trouble = str(failure)
        if not answer.done():
            answer.set_exception(failure)


def _offset(metadata: Any) -> int:
    offset: int = metadata.offset
    return offset


def _close(client: Client, timeout: float) -> None:
    try:
        client.close(timeout=timeout)
    except (kafka_errors.KafkaError, OSError) as error:
        _log.warning("records were left unsent: %s", error)
        _abandon(client)


def _abandon(client: Client) -> None:
    """Stop a client so that it sends nothing later.

    Its public ways of closing wait for an answer that may never come.
    """
    client._sender.force_close()  # noqa: SLF001


def _options(request_timeout: float) -> dict[str, Any]:
    return {
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "delivery_timeout_ms": round(delivery_timeout(request_timeout) * 1000),
        "max_block_ms": round(request_timeout * 1000),
        "linger_ms": 5,
        "batch_size": 128 * 1024,
        "max_request_size": LARGEST_REQUEST,
        "metrics_enabled": False,
        "reconnect_backoff_max_ms": 1000,
    }
