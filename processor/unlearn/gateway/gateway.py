"""A gateway put together: it follows the topics, answers, and makes callbacks; nobody is listening yet."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import Future
from math import inf
from secrets import token_hex

from starlette.applications import Starlette

from unlearn.client.client import Client
from unlearn.errors import HttpRefused, LogUnavailable, SettingsError, TopicMissing
from unlearn.gateway.app import make_app
from unlearn.gateway.callbacks.notifier import Notifier
from unlearn.gateway.callbacks.posting import HttpPoster
from unlearn.gateway.metrics import Metrics
from unlearn.gateway.opendsr.identities import Name
from unlearn.gateway.public_url import public_url
from unlearn.gateway.requests.following import Following
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import Note, Place
from unlearn.gateway.requests.ticket import Seal
from unlearn.gateway.requests.topics import Topics
from unlearn.gateway.service import Service
from unlearn.gateway.signing import make_signer
from unlearn.http_server.access import Tokens, read_tokens
from unlearn.http_server.hosts import Hosts
from unlearn.log.protocol import Log
from unlearn.settings import Settings

__all__ = ["Gateway"]

_log = logging.getLogger(__name__)
_LOOK_EVERY = 0.5
_FORGET_EVERY = 600.0
_STALE = 15.0
"""Seconds without a look that went well after which the gateway isn't ready."""


class Gateway:
    """A gateway of a model, which is not listening yet. Raises SettingsError, LogUnavailable, TopicMissing."""

    def __init__(self, settings: Settings, log: Log, client: Client) -> None:
        own = settings.gateway
        self._tokens = _tokens(settings)
        self._signer = make_signer(own)
        self._settings, self._log = settings, log
        log.partitions(settings.receipts_topic)
        _warn_of_retention(log, settings)
        self._producer = log.producer()
        self._known = Known()
        self._metrics = Metrics(self._known.counts())
        self._seal = Seal(settings.secret_bytes, settings.model)
        self._following = Following(self._topics, self._known, settings.kafka.request_timeout)
        owner = token_hex(8)
        self._service = Service(settings, client, self._following, self._known, self._seal, owner, self._name_at, _now)
        self._owner = owner
        self.failed: Exception | None = None
        """What ended it."""
        self.stopping = False

    def stop(self) -> None:
        """Be ready for nothing more."""
        self.stopping = True

    def alive(self) -> bool:
        """Whether the topics are looked at, with or without an answer."""
        return time.monotonic() - self._following.moved_at < _STALE + 4 * self._settings.kafka.request_timeout

    def ready(self) -> str:
        """Why it can't answer now; empty where it can."""
        if self.stopping:
            return "stopping"
        age = self._following.age
        if age == inf:
            return f"reading the events topic: {100 * self._following.read:.0f} %"
        return f"Kafka gives no answer for {age:.0f} s" if age > _STALE else ""

    async def run(self) -> None:
        """Look at the topics and make callbacks, until it is cancelled.

        An error that nothing can be done about is kept in `failed`, and stops the gateway.
        """
        poster = HttpPoster(self._settings.gateway.callback_timeout)
        notifier = Notifier(
            self._known,
            poster,
            self._signer,
            self._seal,
            self._settings.gateway,
            self._owner,
            self._record,
            self._metrics,
            time.time,
        )
        try:
            await self._keep_up(notifier)
        except Exception as error:  # noqa: BLE001  without this loop it would go on, and call nobody back
            self.failed, self.stopping = error, True
        finally:
            await notifier.close()
            await poster.close()
            await self._following.close()
            self._service.close()

    async def _keep_up(self, notifier: Notifier) -> None:
        said, forgot = "", time.monotonic()
        while True:
            try:
                await self._following.look()
                self._metrics.looked.set_to_current_time()
                said = ""
            except (LogUnavailable, TopicMissing) as error:
                if said != (said := str(error)):
                    _log.warning("the topics can't be read for now: %s", error)
            if self._following.age < inf:
                notifier.step()
            if time.monotonic() - forgot > _FORGET_EVERY:
                forgot = time.monotonic()
                self._known.forget_before(_since(self._settings))
            await asyncio.sleep(_LOOK_EVERY)

    def app(self, host: str, port: int) -> Starlette:
        """The ASGI application, which listens there."""
        own = self._settings.gateway
        url = public_url(own, self._signer.domain, port)
        _log.info("/discovery says that all reach the gateway at %s; UNLEARN_GATEWAY__URL tells another place", url)
        hosts = Hosts(host, (self._signer.domain, *own.hosts), "UNLEARN_GATEWAY__HOSTS")
        return make_app(self._service, own, self._tokens, self._signer, self._metrics, hosts, self, url, self.run)

    def close(self) -> None:
        """Close what was opened."""
        self._producer.close()

    def _topics(self) -> Topics:
        return Topics(self._log, self._settings, self._seal, _since(self._settings))

    def _name_at(self, place: Place) -> Name:
        partition, offset = place
        for record in self._log.read(self._settings.events_topic, partition, offset, offset + 1):
            assert record.value is not None  # the ticket in its header says that it is ours
            said = json.loads(record.value)
            return Name("alias", said["alias"]) if "alias" in said else Name("subject", said["subject_id"])
        raise HttpRefused(409, "its event is no longer in the log, so that nothing tells whom a lift would name")

    def _record(self, note: Note) -> None:
        sent = self._producer.send(self._settings.receipts_topic, 0, note.event_id.encode(), note.encoded())
        sent.add_done_callback(_tell_failure)


def _tell_failure(sent: Future[int]) -> None:
    if (error := sent.exception()) is not None:
        _log.warning("a note on a callback isn't kept: %s", error)


def _tokens(settings: Settings) -> Tokens:
    if settings.gateway.tokens is None:
        raise SettingsError(
            "UNLEARN_GATEWAY__TOKENS: is not set; it names a file with a name and a bearer token a line, by which "
            "those who may ask are known"
        )
    return read_tokens(settings.gateway.tokens, "UNLEARN_GATEWAY__TOKENS")


def _warn_of_retention(log: Log, settings: Settings) -> None:
    """A request is known only while the log holds its event."""
    topic = log.topic(settings.events_topic)
    kept = int(topic.config.get("retention.ms", "-1")) if topic is not None else -1
    if 0 <= kept < 1000 * _remembered(settings):
        _log.warning(
            "the events topic keeps events for %d s, less than UNLEARN_GATEWAY__REMEMBER: "
            "a restart forgets older requests",
            kept // 1000,
        )


def _remembered(settings: Settings) -> float:
    return settings.keep_receipts if settings.gateway.remember is None else settings.gateway.remember


def _since(settings: Settings) -> int:
    return max(0, _now() - round(1000 * _remembered(settings)))


def _now() -> int:
    return round(time.time() * 1000)
