"""The console's HTTP interface: its routes, what every answer has in common, and who may ask for what.

Whoever reaches it by a name of its own may read. A token is asked for what changes something, in a header alone: so no
other site can have a browser send it, and there is no cookie. No answer runs a script but the page's own files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from unlearn.console.actions import ACTIONS, ask, read_action
from unlearn.console.journeys import Journeys
from unlearn.console.metrics import Metrics
from unlearn.console.pages.files import Page, load_pages
from unlearn.console.poller import Poller
from unlearn.console.reading import Connect
from unlearn.console.watchers import Watchers, pulse
from unlearn.errors import HttpRefused, InputInvalid, UnlearnError
from unlearn.http_server.access import UNAUTHORIZED, Rate, Tokens, bears_token
from unlearn.http_server.answers import METRICS_TYPE, event_stream
from unlearn.http_server.application import application
from unlearn.http_server.bodies import read_body
from unlearn.http_server.host_check import answering_to
from unlearn.http_server.hosts import Hosts
from unlearn.http_server.json_errors import json_answer, refusal, unforeseen, unrouted
from unlearn.settings import Settings

__all__ = ["HEADERS", "make_app"]

_log = logging.getLogger(__name__)
_MOST_BODY = 64 * 1024
_TRIES = 5.0
"""Unknown tokens a second that are looked at."""
_READ_ONLY = "the console is read-only: UNLEARN_CONSOLE__TOKENS names no file of tokens"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{what} 'self'" for what in ("script-src", "style-src", "connect-src", "img-src")),
        *(f"{what} 'none'" for what in ("base-uri", "form-action", "frame-ancestors")),
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer bears."""
_Handler = Callable[[Request], Awaitable[Response]]


class _Routes:
    def __init__(
        self,
        settings: Settings,
        connect: Connect,
        tokens: Tokens | None,
        hosts: Hosts,
        poller: Poller,
        watchers: Watchers,
        metrics: Metrics,
    ) -> None:
        self._settings, self._connect, self._tokens, self._hosts = settings, connect, tokens, hosts
        self._poller, self._watchers, self._metrics = poller, watchers, metrics
        self._journeys = Journeys(settings, connect)
        self._tries = Rate(_TRIES, time.monotonic)

    async def snapshot(self, _: Request) -> Response:
        outcome = self._poller.outcome
        now = round(time.time() * 1000)
        body = b'{"pulse": ' + pulse(outcome, now) + b', "snapshot": ' + (outcome.body or b"null") + b"}"
        return json_answer(200, body)

    async def events(self, request: Request) -> Response:
        return event_stream(request, self._watchers.watch())

    async def access(self, request: Request) -> Response:
        """Who asks, and whether anybody may ask workers for something."""
        return json_answer(200, {"read_only": self._tokens is None, "name": self._asker(request)})

    async def journey(self, request: Request) -> Response:
        with_ids = self._asker(request) is not None
        asked = _object(await self._body(request))
        event = asked.get("event")
        if not isinstance(event, str) or len(asked) != 1:
            raise InputInvalid('the body is no {"event": ID}')
        return json_answer(200, await asyncio.to_thread(self._journeys.of_event, event, with_ids=with_ids))

    async def versions(self, _: Request) -> Response:
        return json_answer(200, await asyncio.to_thread(self._journeys.versions))

    async def act(self, request: Request) -> Response:
        name = self._require_token(request)
        kind = request.path_params["kind"]
        if kind not in ACTIONS:
            raise HttpRefused(404, f"there is no such request: {', '.join(ACTIONS)}")
        action = read_action(kind, await self._body(request))
        snapshot = self._poller.snapshot
        if snapshot is None:
            raise HttpRefused(503, "the model hasn't been read yet", 1.0)
        partitions = range(snapshot.totals["partitions"] or 0)

        def left() -> dict[str, Any]:
            with self._connect() as (_, client):
                return ask(client, self._settings.model, partitions, action)

        said = await asyncio.to_thread(left)
        self._metrics.asked.labels(kind).inc()
        _log.warning("%s has asked to %s: left with partitions %s", name, kind, ", ".join(said["asked"]))
        self._poller.look_now()
        return json_answer(202, said)

    def guarded(self, of: str, handler: _Handler) -> _Handler:
        """The handler for requests that no other site has sent; whatever goes wrong is an answer too."""

        async def answer(request: Request) -> Response:
            try:
                self._refuse_others(request)
                found = await handler(request)
            except Exception as error:  # noqa: BLE001  no request stays without an answer
                found = _failed(error)
            self._metrics.answers.labels(of, str(found.status_code)).inc()
            return found

        return answer

    def _refuse_others(self, request: Request) -> None:
        """Raises HttpRefused for what another site's page has sent. Browsers say so in `Sec-Fetch-Site` over TLS and on
        this machine, and everywhere in `Origin`, of requests that may change something."""
        headers = request.headers
        self._hosts.require_known(headers.get("host"))
        site = headers.get("sec-fetch-site")
        if site is None:
            self._hosts.require_same_site(headers.get("origin"), headers.get("host"))
        elif site not in ("same-origin", "none"):
            raise HttpRefused(403, "another site's page has sent this")

    def _asker(self, request: Request) -> str | None:
        """The name of the request's token; None where it has none. Raises HttpRefused for an unknown one."""
        if self._tokens is None or not bears_token(_authorization(request)):
            return None
        return self._require_token(request)

    def _require_token(self, request: Request) -> str:
        """The name of the request's token. Raises HttpRefused."""
        if self._tokens is None:
            raise HttpRefused(403, _READ_ONLY)
        name = self._tokens.name_of(_authorization(request))
        if name is None:
            wait = self._tries.wait("unknown tokens")
            raise HttpRefused(429, "too many unknown tokens", wait) if wait else HttpRefused(401, UNAUTHORIZED)
        return name

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HttpRefused(415, "send it as application/json")
        return await read_body(request, _MOST_BODY, self._settings.console.answer_within)


def make_app(
    settings: Settings,
    connect: Connect,
    tokens: Tokens | None,
    hosts: Hosts,
    poller: Poller,
    watchers: Watchers,
    metrics: Metrics,
) -> Starlette:
    """The application, which starts the poller and ends it."""
    routes = _Routes(settings, connect, tokens, hosts, poller, watchers, metrics)
    most_stuck = 60.0 + 4 * settings.kafka.request_timeout

    async def livez(_: Request) -> Response:
        stuck = poller.stuck_for()
        return PlainTextResponse(f"reading stands still for {stuck:.0f} s\n", 503) if stuck > most_stuck else _OK()

    async def readyz(_: Request) -> Response:
        # Ready also while Kafka or Redis are away: then the page is needed most, and says so.
        outcome = poller.outcome
        looked = outcome.number > 0 or outcome.trouble
        return _OK() if looked else PlainTextResponse("the model hasn't been read yet\n", 503)

    async def shown(_: Request) -> Response:
        return Response(metrics.text(), media_type=METRICS_TYPE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watchers.begin()
        poller.start()
        yield
        await asyncio.to_thread(poller.close)

    guarded: Mapping[str, tuple[str, str, _Handler]] = {
        "/api/snapshot": ("GET", "snapshot", routes.snapshot),
        "/api/events": ("GET", "events", routes.events),
        "/api/access": ("GET", "access", routes.access),
        "/api/versions": ("GET", "versions", routes.versions),
        "/api/journey": ("POST", "journey", routes.journey),
        "/api/requests/{kind}": ("POST", "requests", routes.act),
    }
    files_and_probes: Mapping[str, _Handler] = {
        "/livez": livez,
        "/readyz": readyz,
        "/metrics": shown,
        **{path: _file(page) for path, page in load_pages().items()},
    }
    app = application(
        [
            *(Route(path, routes.guarded(of, run), methods=[method]) for path, (method, of, run) in guarded.items()),
            *(Route(path, answering_to(hosts, answer, _failed)) for path, answer in files_and_probes.items()),
        ],
        unrouted,
        lifespan,
    )
    app.add_middleware(_WithHeaders)
    return app


class _WithHeaders:
    """Adds HEADERS to every answer, streams included."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _OK() -> Response:  # noqa: N802
    return PlainTextResponse("ok\n")


def _file(page: Page) -> _Handler:
    async def answer(request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "ETag": page.tag}
        if request.headers.get("if-none-match") == page.tag:
            return Response(status_code=304, headers=headers)
        return Response(page.body, 200, headers, page.kind)

    return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise InputInvalid("the body is no JSON") from None
    if not isinstance(found, dict):
        raise InputInvalid("the body is no JSON object")
    return found


def _failed(error: Exception) -> Response:
    if (refused := refusal(error)) is not None:
        return refused
    if isinstance(error, UnlearnError):
        return json_answer(503, {"error": str(error)})
    return unforeseen(error, "console")
