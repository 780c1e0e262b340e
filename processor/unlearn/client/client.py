"""The client of upstream services: it sends inserts, deletions and lifts, and finds the receipts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from unlearn.client.arguments import message_of
from unlearn.client.following import Asked, Following
from unlearn.client.in_threads import in_thread
from unlearn.client.pending import Pending
from unlearn.client.sends import Sends, patience_of, require_partitions
from unlearn.errors import ClientStopped, InputInvalid, UnlearnError
from unlearn.events.parsing import parser_of
from unlearn.learners import learner_of
from unlearn.log.protocol import Header, Log, Producer
from unlearn.results.manifest import Receipt, read_receipt
from unlearn.settings import Settings, load_settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Client"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class _Parts:
    """What belongs to one process."""

    log: Log
    producer: Producer
    sends: Sends
    following: Following
    pid: int = field(default_factory=os.getpid)


class Client:
    """Sends inserts, deletions and lifts of one model; use it from any thread.

    In a forked process a client that `connect` made begins anew at its first use there, with connections of its own;
    what the parent has not had acknowledged stays the parent's. One made on a given log raises ClientStopped there.
    Raises TopicMissing, LogUnavailable, and SettingsError where the events topic has fewer partitions than the model.
    """

    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings = settings
        self._parser = parser_of(learner_of(settings))
        self._asked: Asked = Asked()
        self._open_log: Callable[[], Log] | None = None
        self._inherited: list[object] = []  # the parent process's: never closed or finalized here
        self._forks: dict[int, threading.Lock] = {}
        self._closed = False
        self._parts = self._made(log)

    @classmethod
    def connect(cls, settings: Settings | Path | None = None) -> Self:
        """A client on the Kafka of the settings, of a TOML file, or of the file that UNLEARN_CONFIG names and the
        environment. Raises TopicMissing, LogUnavailable, SettingsError."""
        from unlearn.log.kafka.log import KafkaLog

        if not isinstance(settings, Settings):
            settings = load_settings(settings, demo=True)  # no secret is used here
        settings = settings.named("client")
        kafka = settings.kafka
        log = KafkaLog(kafka)
        try:
            client = cls(settings, log)
        except UnlearnError:
            log.close()
            raise
        client._open_log = lambda: KafkaLog(kafka)
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait until all inserts are acknowledged, and send nothing from now on. Safe to repeat, and from any thread.

        Raises NotSent; the client is closed all the same.
        """
        parts, closed, self._closed = self._parts, self._closed, True
        if closed or parts.pid != os.getpid():
            return
        try:
            parts.sends.finish(ends=True)
        finally:
            parts.following.close()
            parts.producer.close()
            if self._open_log:
                parts.log.close()

    def insert(
        self,
        *,
        record_id: str,
        subject_id: str | None = None,
        label: str | None = None,
        text: str | None = None,
        features: Sequence[float] | Mapping[int, float] | NDArray[Any] | None = None,
        revision: int = 0,
        occurred_at: str | datetime | None = None,
        aliases: Sequence[str] | None = None,
        event_id: str | None = None,
    ) -> str:
        """Send a record, with a text or features; returns its event id, a new one unless it is given.

        `aliases` are other names of its subject, or of the record where it has none, by which it can be forgotten.

        It comes back before Kafka has acknowledged the event. Raises InputInvalid, before anything is sent; NotSent,
        which names each event, of earlier ones too, that isn't acknowledged; ClientStopped.
        """
        given = {"subject_id": subject_id, "label": label, "text": text, "features": features, "aliases": aliases}
        timed = {"occurred_at": occurred_at, "event_id": _id_of(event_id)}
        fields = {"type": "insert", "record_id": record_id, "revision": revision, **given, **timed}
        message = message_of(self._parser, fields)
        self._of_this_process().sends.later(message)
        return message.event_id

    def forget(
        self,
        *,
        subject: str | None = None,
        record: str | None = None,
        alias: str | None = None,
        revision: int | None = None,
        event_id: str | None = None,
        requested_at: str | datetime | None = None,
        forget_within: float | str | timedelta | None = None,
        so_far: bool = False,
        headers: Sequence[Header] = (),
    ) -> Pending:
        """Send a deletion: of a subject, of a record under every subject, of a subject's record, or of whom an alias
        names.

        With `so_far` a subject's records until now are meant, and those that come later are taken.

        It comes back when Kafka has acknowledged the event. `requested_at` is now unless it is given; `forget_within`
        is seconds or an ISO 8601 duration, else the model's own. `headers` are Kafka's, names and bytes: a trace's id,
        say. Raises InputInvalid, before anything is sent; NotSent, LogUnavailable and TopicMissing (of the receipts
        topic); ClientStopped.
        """
        named = {"subject_id": subject, "record_id": record, "alias": alias, "revision": revision}
        more = {"forget_within": forget_within, "scope": "so_far" if so_far else None}
        return self._ask({"type": "delete", **named, **more}, event_id, requested_at, headers)

    def lift(
        self,
        *,
        subject: str | None = None,
        record: str | None = None,
        alias: str | None = None,
        event_id: str | None = None,
        requested_at: str | datetime | None = None,
        headers: Sequence[Header] = (),
    ) -> Pending:
        """Send a lift: what comes behind it is no more refused for the deletion that named the same.

        It comes back, and raises, as `forget`.
        """
        named = {"subject_id": subject, "record_id": record, "alias": alias}
        return self._ask({"type": "lift", **named}, event_id, requested_at, headers)

    def _ask(
        self,
        fields: Mapping[str, Any],
        event_id: str | None,
        requested_at: str | datetime | None,
        headers: Sequence[Header],
    ) -> Pending:
        asked = {"requested_at": datetime.now(UTC) if requested_at is None else requested_at}
        message = message_of(self._parser, {**fields, "event_id": _id_of(event_id), **asked}, headers)
        parts = self._of_this_process()
        answers = parts.following.ask(message.event_id)
        place, lifts = parts.sends.now(message), fields["type"] == "lift"
        return Pending(message.event_id, place, answers, lambda: self._of_this_process().following, lifts=lifts)

    def flush(self) -> None:
        """Wait until all inserts are acknowledged. Raises NotSent, which names each that isn't; ClientStopped."""
        self._of_this_process().sends.finish()

    insert_async = in_thread(insert)
    forget_async = in_thread(forget)
    lift_async = in_thread(lift)
    flush_async = in_thread(flush)
    close_async = in_thread(close)

    def receipts(self, since: int | datetime | None = None) -> Iterator[tuple[int, Receipt]]:
        """The receipts of all senders that the topic holds now, each with its offset there, in order.

        `since` is an offset, a time, or None for the topic's start. To go on later, call again with the last offset
        plus 1. Raises InputInvalid for a time without a zone; LogUnavailable, TopicMissing, ClientStopped.
        """
        log, topic = self._of_this_process().log, self._settings.receipts_topic
        start = since if isinstance(since, int) else self._offset_at(log, since)
        end = log.bounds(topic)[0][1]
        records = log.read(topic, 0, start, end)
        return ((record.offset, found) for record in records if (found := read_receipt(record.value)) is not None)

    def _offset_at(self, log: Log, since: datetime | None) -> int:
        if since is None:
            return 0
        if since.tzinfo is None:
            raise InputInvalid("since: a time without a zone; say datetime.now(UTC), for instance")
        return log.offset_at(self._settings.receipts_topic, 0, (since - _EPOCH) // timedelta(milliseconds=1))

    def _made(self, log: Log, position: int | None = None) -> _Parts:
        settings = self._settings
        require_partitions(log, settings)
        producer = log.producer()
        sends = Sends(producer, settings.events_topic, settings.partitions, patience_of(settings))
        return _Parts(log, producer, sends, Following(log, settings.receipts_topic, self._asked, position))

    def _of_this_process(self) -> _Parts:
        """Raises ClientStopped; in a forked process the client begins anew first."""
        if self._closed:
            raise ClientStopped("the client is closed")
        if self._parts.pid != os.getpid():
            self._begin_anew()
        return self._parts

    def _begin_anew(self) -> None:
        # Locks of the parent may be held for ever by threads that aren't here, so each process has its own.
        with self._forks.setdefault(os.getpid(), threading.Lock()):
            before = self._parts
            if before.pid == os.getpid():
                return
            if self._open_log is None:
                raise ClientStopped(
                    f"the client is of process {before.pid}, and this is {os.getpid()}, forked from it: make one here"
                )
            self._inherited.append(before)
            log = self._open_log()
            try:
                self._parts = self._made(log, before.following.position)
            except UnlearnError:
                log.close()
                raise


def _id_of(event_id: str | None) -> Any:
    return str(uuid4()) if event_id is None else event_id
