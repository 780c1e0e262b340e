"""Sends the callbacks that are due, tries the failed ones again, and notes on the receipts topic what became of each.

Each arrives at least once: where a gateway dies between a callback and its note, another one makes it again.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple
from urllib.parse import urlsplit

from unlearn.errors import InputInvalid
from unlearn.gateway.callbacks.due import due_at, pause_after
from unlearn.gateway.callbacks.posting import Poster
from unlearn.gateway.callbacks.targets import require_covered
from unlearn.gateway.metrics import Metrics
from unlearn.gateway.opendsr import answers
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import Note, Told
from unlearn.gateway.requests.request import Request, Standing, standing_of
from unlearn.gateway.requests.ticket import Seal, event_id_of
from unlearn.gateway.signing import Signer
from unlearn.moments import rfc3339
from unlearn.service_settings.gateway import GatewaySettings

__all__ = ["Notifier"]

_log = logging.getLogger(__name__)
_AT_ONCE = 4
"""Callbacks under way to one host at most: one that never answers holds up nobody else's."""
_MEANWHILE = 0.5
_Name = tuple[Request, int]


@dataclass(slots=True, eq=False)
class _Effort:
    """To tell one thing to one callback: how often it was tried, and since when (seconds)."""

    told: Told
    tries: int = 0
    since: float | None = None


class _Due(NamedTuple):
    at: float
    order: int
    name: _Name
    effort: _Effort


class Notifier:
    """The callbacks of one gateway, which is called `owner`. All calls come from the thread of its event loop.

    `record` puts a note on the receipts topic; `clock` gives seconds since 1970 UTC.
    """

    def __init__(
        self,
        known: Known,
        poster: Poster,
        signer: Signer,
        seal: Seal,
        settings: GatewaySettings,
        owner: str,
        record: Callable[[Note], None],
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._known, self._poster, self._signer, self._seal = known, poster, signer, seal
        self._settings, self._owner, self._record = settings, owner, record
        self._metrics, self._clock = metrics, clock
        self._efforts: dict[_Name, _Effort] = {}
        self._due: list[_Due] = []
        self._order = count()
        self._ready: defaultdict[str, deque[tuple[_Name, _Effort]]] = defaultdict(deque)
        self._running: dict[asyncio.Task[None], str] = {}
        self._busy: set[_Name] = set()

    def step(self) -> None:
        """Start what is due now."""
        for request in self._known.changed():
            for number in range(len(request.ticket.callbacks)):
                self._plan((request, number))
        while self._due and self._due[0].at <= self._clock():
            due = heapq.heappop(self._due)
            if self._efforts.get(due.name) is due.effort:
                host = urlsplit(due.name[0].ticket.callbacks[due.name[1]].url).netloc
                self._ready[host].append((due.name, due.effort))
                self._start(host)
        self._metrics.callbacks_open.set(len(self._efforts))

    async def close(self) -> None:
        """Break off what is under way: it is made again by the next gateway."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _plan(self, name: _Name) -> None:
        request, number = name
        standing = standing_of(request)
        at = due_at(request, number, standing)
        effort = self._efforts.get(name)
        if at is None:
            self._efforts.pop(name, None)
        elif effort is None or effort.told != standing.told:
            wait = 0.0 if request.ticket.owner == self._owner else self._settings.takeover
            self._efforts[name] = _Effort(standing.told)
            self._put(max(at / 1000, self._clock() + wait), name, self._efforts[name])

    def _put(self, at: float, name: _Name, effort: _Effort) -> None:
        heapq.heappush(self._due, _Due(at, next(self._order), name, effort))

    def _start(self, host: str) -> None:
        ready = self._ready[host]
        while ready and sum(other == host for other in self._running.values()) < _AT_ONCE:
            task = asyncio.create_task(self._try(*ready.popleft()))
            self._running[task] = host
            task.add_done_callback(self._ended)
        if not ready:
            del self._ready[host]

    def _ended(self, task: asyncio.Task[None]) -> None:
        host = self._running.pop(task)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                _log.error("a callback failed unforeseen", exc_info=error)
            self._start(host)

    async def _try(self, name: _Name, effort: _Effort) -> None:
        if self._efforts.get(name) is not effort:
            return
        if name in self._busy:
            # What is under way tells older news, and must not arrive after these.
            self._put(self._clock() + _MEANWHILE, name, effort)
            return
        self._busy.add(name)
        try:
            await self._tell(name, effort)
        finally:
            self._busy.discard(name)

    async def _tell(self, name: _Name, effort: _Effort) -> None:
        request, number = name
        effort.tries += 1
        effort.since = self._clock() if effort.since is None else effort.since
        failure, final = await self._sent(request, number, standing_of(request))
        if not failure:
            self._metrics.callbacks.labels("delivered").inc()
            self._note(name, effort, reached=True)
            return
        host = urlsplit(request.ticket.callbacks[number].url).hostname
        _log.info("a callback to %s failed, try %d: %s", host, effort.tries, failure)
        if final or self._clock() - effort.since >= self._settings.callback_patience:
            self._metrics.callbacks.labels("given_up").inc()
            _log.warning("a callback to %s is given up after %d tries: %s", host, effort.tries, failure)
            self._note(name, effort, reached=False)
        else:
            self._metrics.callbacks.labels("failed").inc()
            self._put(self._clock() + pause_after(effort.tries, random.random()), name, effort)

    async def _sent(self, request: Request, number: int, standing: Standing) -> tuple[str, bool]:
        """Why it didn't get there, or nothing; and whether trying again is of no use."""
        callback = request.ticket.callbacks[number]
        try:
            require_covered(callback, self._settings)
        except InputInvalid as error:
            return str(error), True
        if callback.token is None:
            said = answers.status_callback(request, standing, callback.url, round(self._clock() * 1000))
        else:
            said = answers.fides(standing)
        body = json.dumps(said).encode()
        return await self._poster.post(callback.url, body, self._headers(request, number, standing, body)), False

    def _headers(self, request: Request, number: int, standing: Standing, body: bytes) -> dict[str, str]:
        ticket = request.ticket
        token = ticket.callbacks[number].token
        told = f"{ticket.controller}/{ticket.request_id}/{number}/{standing.told}"
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": self._seal.digest("callback", told.encode()),
            **self._signer.headers(body),
            **({} if token is None else {"Authorization": f"Bearer {token}"}),
        }

    def _note(self, name: _Name, effort: _Effort, *, reached: bool) -> None:
        request, number = name
        partition, offset = request.places[0]
        note = Note(
            event_id=event_id_of(request.ticket),
            state="notified" if reached else "unnotified",
            partition=partition,
            offset=offset,
            callback=number,
            status=effort.told.status,
            records=effort.told.records,
            tries=effort.tries,
            at=rfc3339(round(self._clock() * 1000)),
        )
        self._known.take_note(note)
        self._record(note)
