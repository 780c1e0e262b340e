"""What a gateway does for a controller: take an erasure, say where it stands, cancel it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, Literal, NamedTuple
from weakref import WeakValueDictionary

from unlearn.client.client import Client
from unlearn.client.pending import Pending
from unlearn.errors import HttpRefused, LogUnavailable
from unlearn.gateway.callbacks.targets import callbacks_of
from unlearn.gateway.opendsr.erasure import Erasure, canonical, read_erasure
from unlearn.gateway.opendsr.identities import Name
from unlearn.gateway.requests.following import Following
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import Place
from unlearn.gateway.requests.request import Request, standing_of
from unlearn.gateway.requests.ticket import HEADER, Callback, Seal, Ticket, event_id_of
from unlearn.settings import Settings

__all__ = ["Posted", "Service"]

_SENDERS = 16
_READING = 5.0
"""Seconds after which to try again while the log is read for the first time."""
_MOST_SENDS = 64
"""Events that wait for Kafka's acknowledgement at most."""


class Posted(NamedTuple):
    """A request as it was posted: by whom, its body, and what its headers said; `key` is that of idempotency."""

    controller: str
    body: bytes
    key: str | None = None
    reply_to: str | None = None
    reply_to_token: str | None = None


class Service:
    """The requests of one gateway, which is called `owner`. `name_at` reads from the log what an event names; `clock`
    gives ms since 1970 UTC.

    Its methods raise InputInvalid and HttpRefused; NotSent, LogUnavailable, TopicMissing and TimeoutError while Kafka
    is away.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        following: Following,
        known: Known,
        seal: Seal,
        owner: str,
        name_at: Callable[[Place], Name],
        clock: Callable[[], int],
    ) -> None:
        self._settings, self._client = settings, client
        self._following, self._known, self._seal = following, known, seal
        self._owner, self._name_at, self._clock = owner, name_at, clock
        self._locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
        self._pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="gateway-send")
        self._sending = 0

    async def create(self, posted: Posted) -> Ticket:
        """Put the request's deletions into the log, unless they are there; the ticket under which they are known."""
        received = self._clock()
        erasure = read_erasure(posted.body, self._settings.gateway.identities, self._settings.gateway.aliases)
        callbacks = callbacks_of(erasure.urls, posted.reply_to, posted.reply_to_token, self._settings.gateway)
        content = self._seal.digest("content", canonical(posted.body))
        key = self._seal.digest("key", posted.key.encode()) if posted.key is not None else None
        of_key = nullcontext() if key is None else self._lock(posted.controller, "key", key)
        async with self._lock(posted.controller, "id", erasure.request_id), of_key:
            await self._catch_up()
            ticket = self._ticket(posted.controller, erasure, callbacks, content, key, received)
            known = self._before(ticket)
            ticket = known.ticket if known is not None else ticket
            for part, name in enumerate(erasure.named.names, 1):
                one = replace(ticket, part=part, subject=self._seal.digest(name.kind, name.id.encode()))
                if known is None or one.subject not in known.deletions:
                    await self._send(one, name, erasure.requested_at)
        return ticket

    async def find(self, controller: str, request_id: str) -> Request:
        """The controller's request, as the topics show it now."""
        await self._catch_up()
        found = self._known.find(controller, request_id)
        if found is None:
            raise HttpRefused(404, "no request of yours with this id is known")
        return found

    async def cancel(self, controller: str, request_id: str) -> Request:
        """Put lifts of the request's deletions into the log, unless they are there."""
        async with self._lock(controller, "id", request_id):
            request = await self.find(controller, request_id)
            status = standing_of(request).status
            if status in ("in_progress", "completed"):
                raise HttpRefused(409, f"the request is {status}, and only a pending one can be cancelled")
            if status == "pending" and self._known.others_stand(request):
                raise HttpRefused(409, "another request names the same subject: a cancellation would end that one too")
            places = [max(places) for places in request.deletions.values()]
            names = [await asyncio.to_thread(self._name_at, place) for place in places]
            if any(name.kind == "alias" for name in names):
                raise HttpRefused(409, "it names somebody by a hash, and a lift of that lets nobody in again")
            for part, (subject, name) in enumerate(zip(request.deletions, names, strict=True), 1):
                if request.standing(subject):
                    one = replace(request.ticket, lifts=True, part=part, subject=subject)
                    await self._send(one, name, datetime.now(UTC))
        return request

    def close(self) -> None:
        """Start no more sends."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ticket(
        self,
        controller: str,
        erasure: Erasure,
        callbacks: tuple[Callback, ...],
        content: str,
        key: str | None,
        received: int,
    ) -> Ticket:
        return Ticket(
            lifts=False,
            controller=controller,
            request_id=erasure.request_id,
            part=1,
            parts=len(erasure.named.names),
            subject="",
            prefix=erasure.prefix,
            received=received,
            expected=received + round(1000 * self._takes(received)),
            content=content,
            key=key,
            callbacks=callbacks,
            unused=erasure.named.unused,
            owner=self._owner,
        )

    def _takes(self, now: int) -> float:
        """Seconds that a deletion is expected to take, and all that it may take where nobody can say it."""
        seconds, within = self._known.expected(now), self._settings.forget_within
        return within if seconds is None else min(seconds, within)

    def _before(self, ticket: Ticket) -> Request | None:
        """The request that this one repeats. Raises HttpRefused where it is another one under the same name."""
        same = self._known.find(ticket.controller, ticket.request_id)
        of_key = self._known.of_key(ticket.controller, ticket.key) if ticket.key is not None else None
        if of_key is not None and of_key is not same:
            raise HttpRefused(409, "the idempotency key is that of another request")
        if same is None:
            return None
        if same.ticket.content != ticket.content:
            raise HttpRefused(409, "a request with this id, and another body, is known")
        if standing_of(same).status == "cancelled":
            raise HttpRefused(409, "the request with this id was cancelled: ask again under another id")
        return same

    def _lock(self, controller: str, kind: Literal["id", "key"], name: str) -> asyncio.Lock:
        return self._locks.setdefault((controller, kind, name), asyncio.Lock())

    async def _catch_up(self) -> None:
        if self._following.age == inf:
            raise HttpRefused(503, f"the log is being read: {100 * self._following.read:.0f} %", _READING)
        async with asyncio.timeout(self._settings.gateway.answer_within):
            await self._following.look()

    async def _send(self, ticket: Ticket, name: Name, requested_at: str | datetime) -> None:
        """Send the ticket's event; it is acknowledged when this comes back."""
        if self._sending >= _MOST_SENDS:
            raise LogUnavailable(f"{_MOST_SENDS} events wait for Kafka")
        act = self._client.lift if ticket.lifts else self._client.forget
        named: dict[str, Any] = {name.kind: name.id}
        headers = [(HEADER, self._seal.sealed(ticket, name.id.encode()))]
        sent = asyncio.get_running_loop().run_in_executor(
            self._pool,
            partial(act, **named, event_id=event_id_of(ticket), requested_at=requested_at, headers=headers),
        )
        self._sending += 1
        sent.add_done_callback(self._sent)
        async with asyncio.timeout(self._settings.gateway.answer_within):
            await asyncio.shield(sent)

    def _sent(self, sent: asyncio.Future[Pending]) -> None:
        self._sending -= 1
        if not sent.cancelled():
            sent.exception()
