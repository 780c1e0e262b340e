"""The gateway's HTTP interface: routes, and what every answer has in common."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from unlearn.errors import HttpRefused, InputInvalid, LogDiverged, LogUnavailable, NotSent, TopicMissing
from unlearn.gateway.metrics import Metrics
from unlearn.gateway.opendsr import answers
from unlearn.gateway.service import Posted, Service
from unlearn.gateway.signing import Signer
from unlearn.http_server.access import UNAUTHORIZED, Rate, Tokens
from unlearn.http_server.answers import METRICS_TYPE, refusal_headers
from unlearn.http_server.application import application
from unlearn.http_server.bodies import read_body
from unlearn.http_server.host_check import answering_to
from unlearn.http_server.hosts import Hosts
from unlearn.service_settings.gateway import GatewaySettings

__all__ = ["Health", "make_app"]

_log = logging.getLogger(__name__)
_AWAY = (LogUnavailable, LogDiverged, NotSent, TopicMissing, TimeoutError)
_AGAIN = 5.0
"""Seconds after which to try again what Kafka gave no answer to."""
_UNKNOWN = "unknown tokens"
_MOST_KEY = 256
_CERTIFICATE = "/certificate.pem"
_Handler = Callable[[Request, str], Awaitable[Response]]


class Health(Protocol):
    """How the gateway is."""

    def alive(self) -> bool: ...

    def ready(self) -> str:
        """Why it can't answer now; empty where it can."""
        ...


class _Routes:
    def __init__(
        self, service: Service, settings: GatewaySettings, tokens: Tokens, signer: Signer, metrics: Metrics
    ) -> None:
        self._service, self._settings, self._tokens = service, settings, tokens
        self._signer, self._metrics = signer, metrics
        self._rate = Rate(settings.rate, time.monotonic)

    async def create(self, request: Request, controller: str) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HttpRefused(415, "send the request as application/json")
        key = request.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= _MOST_KEY:
            raise InputInvalid(f"idempotency-key: has not 1 to {_MOST_KEY} characters")
        reply = request.headers.get("reply-to"), request.headers.get("reply-to-token")
        body = await read_body(request, self._settings.body_bytes, self._settings.answer_within)
        ticket = await self._service.create(Posted(controller, body, key, *reply))
        return self._signed(201, answers.created(ticket, body))

    async def status(self, request: Request, controller: str) -> Response:
        found = await self._service.find(controller, request.path_params["request_id"])
        return self._signed(200, answers.status(found, _now()))

    async def cancel(self, request: Request, controller: str) -> Response:
        received = _now()
        found = await self._service.cancel(controller, request.path_params["request_id"])
        return self._signed(202, answers.cancelled(found.ticket, received))

    def guarded(self, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler for those who have a token and don't ask too often; whatever goes wrong is an answer too."""

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            try:
                found = await handler(request, self._admitted(request))
            except Exception as error:  # noqa: BLE001  no request stays without an answer
                found = _failed(error)
            self._metrics.answers.labels(request.method, str(found.status_code)).inc()
            self._metrics.seconds.labels(request.method).observe(time.monotonic() - began)
            return found

        return answer

    def _admitted(self, request: Request) -> str:
        """The name of the request's token. Raises HttpRefused."""
        name = self._tokens.name_of(request.headers.get("authorization", ""))
        wait = self._rate.wait(_UNKNOWN if name is None else f"token {name}")
        if wait:
            raise HttpRefused(429, f"more than {self._settings.rate:g} requests a second", wait)
        if name is None:
            raise HttpRefused(401, UNAUTHORIZED)
        return name

    def _signed(self, code: int, said: Mapping[str, Any]) -> Response:
        body = json.dumps(said).encode()
        return _json(code, body, self._signer.headers(body))


def make_app(
    service: Service,
    settings: GatewaySettings,
    tokens: Tokens,
    signer: Signer,
    metrics: Metrics,
    hosts: Hosts,
    health: Health,
    url: str,
    running: Callable[[], Awaitable[None]],
) -> Starlette:
    """The application, which all reach below `url`; `running` goes on beside it until it is cancelled."""
    routes = _Routes(service, settings, tokens, signer, metrics)
    said = answers.discovery(settings.identities, settings.aliases, f"{url}{_CERTIFICATE}")
    discovery = json.dumps(said).encode()
    signed = signer.headers(discovery)

    async def discover(_: Request) -> Response:
        return _json(200, discovery, signed)

    async def certificate(_: Request) -> Response:
        return Response(signer.certificate, media_type="application/x-pem-file")

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n") if health.alive() else PlainTextResponse("stuck\n", 503)

    async def readyz(_: Request) -> Response:
        why = health.ready()
        return PlainTextResponse(f"{why}\n", 503) if why else PlainTextResponse("ready\n")

    async def shown(_: Request) -> Response:
        return Response(metrics.text(), media_type=METRICS_TYPE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.ensure_future(running())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    of_one = "/requests/{request_id}"
    return application(
        [
            Route("/requests", routes.guarded(routes.create), methods=["POST"]),
            Route(of_one, routes.guarded(routes.status), methods=["GET"]),
            Route(of_one, routes.guarded(routes.cancel), methods=["DELETE"]),
            # Both are for everybody.
            Route("/discovery", discover),
            Route(_CERTIFICATE, certificate),
            *(
                Route(path, answering_to(hosts, answer, _failed))
                for path, answer in {"/livez": livez, "/readyz": readyz, "/metrics": shown}.items()
            ),
        ],
        _unrouted,
        lifespan,
    )


async def _unrouted(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail, headers=error.headers)


def _failed(error: Exception) -> Response:
    if isinstance(error, InputInvalid):
        return _error(400, str(error))
    if isinstance(error, HttpRefused):
        return _error(error.code, str(error), error.retry_after)
    if isinstance(error, ClientDisconnect):
        return _error(400, "the body has no end")
    if isinstance(error, _AWAY):
        _log.warning("a request has to come again: %s", str(error) or "Kafka gives no answer in time")
        return _error(503, "Kafka doesn't take it now: send the same request again", _AGAIN)
    _log.error("a request failed unforeseen", exc_info=error)
    return _error(500, "an error that was not foreseen; the gateway's log tells it")


_REASONS = {
    400: "IllegalArgument",
    401: "Unauthorized",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    409: "Conflict",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    421: "MisdirectedRequest",
    429: "TooManyRequests",
    503: "Unavailable",
}


def _error(
    code: int, message: str, retry_after: float | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps(answers.error(code, message, _REASONS.get(code, "Error"))).encode()
    return _json(code, body, {**(headers or {}), **refusal_headers(code, retry_after)})


def _json(code: int, body: bytes, headers: Mapping[str, str]) -> Response:
    return Response(body, code, {**headers, "Cache-Control": "no-store"}, "application/json")


def _now() -> int:
    return round(time.time() * 1000)
