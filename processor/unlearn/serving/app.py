"""The HTTP interface of `unlearn serve`: routes, and what every answer has in common."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from unlearn.errors import AnswerInvalid, HttpRefused, NotEnough, ScorerStopped
from unlearn.http_server.access import UNAUTHORIZED, Tokens
from unlearn.http_server.answers import METRICS_TYPE, event_stream, refusal_headers
from unlearn.http_server.application import application
from unlearn.http_server.bodies import read_body
from unlearn.http_server.host_check import answering_to
from unlearn.http_server.hosts import Hosts
from unlearn.http_server.json_errors import json_answer, refusal, unforeseen, unrouted
from unlearn.scoring.serving import Answer, Served
from unlearn.service_settings.serving import ServingSettings
from unlearn.serving import open_inference
from unlearn.serving.asked import Asked, read_scores
from unlearn.serving.followers import Followers
from unlearn.serving.metrics import Metrics
from unlearn.serving.served_model import ServedModel
from unlearn_models.base.errors import BadRows

__all__ = ["make_app"]

_AGAIN = 1.0
"""Seconds after which to ask again for a model that isn't served now."""
_BINARY = "inference-header-content-length"
"""The header of a body whose tensors are in binary."""
_INLINE = 64 * 1024
"""A body of so many bytes is read and scored at once; a longer one in a thread: others are answered meanwhile."""
_NOBODY = ""
_T = TypeVar("_T")
_Handler = Callable[[Request], Awaitable[Response]]


class _Routes:
    def __init__(
        self,
        models: Mapping[str, ServedModel],
        settings: ServingSettings,
        tokens: Tokens | None,
        hosts: Hosts,
        followers: Followers,
        metrics: Metrics,
    ) -> None:
        self._models, self._settings, self._tokens, self._hosts = models, settings, tokens, hosts
        self._followers, self._metrics = followers, metrics

    async def scores(self, request: Request) -> Response:
        served = self._model(request).served()
        body = await self._body(request)
        answer = await self._answer(
            request, served, body, lambda: read_scores(body, served.learner, self._settings.inputs)
        )
        said = {
            "scores": answer.scores.tolist(),
            "labels": answer.labels(),
            "version": answer.version,
            **open_inference.told(answer),
        }
        return json_answer(200, said, _headers(answer))

    async def infer(self, request: Request) -> Response:
        model = self._model(request)
        served = self._pinned(request, model.served())
        if _BINARY in request.headers:
            raise HttpRefused(415, "tensors in binary are an extension that isn't there: send them as JSON")
        body = await self._body(request)
        asked = await _apart(body, lambda: open_inference.read_infer(body))
        answer = await self._answer(
            request, served, body, lambda: open_inference.asked_of(asked, served.learner, self._settings.inputs)
        )
        return json_answer(200, open_inference.inferred(model.name, asked, answer), _headers(answer))

    async def describe(self, request: Request) -> Response:
        model = self._model(request)
        served = self._pinned(request, model.served())
        return json_answer(200, open_inference.metadata(model.name, served.learner, served.version))

    async def model_ready(self, request: Request) -> Response:
        model = self._model(request)
        self._pinned(request, model.served())
        return json_answer(200, {"name": model.name, "ready": True})

    async def ready(self, _: Request) -> Response:
        why = {name: reason for name, model in self._models.items() if (reason := model.why_not())}
        if why:
            return json_answer(
                503, {"ready": False, "error": "; ".join(f"{name}: {said}" for name, said in why.items())}
            )
        return json_answer(200, {"ready": True})

    async def events(self, request: Request) -> Response:
        model = self._model(request)
        return event_stream(request, self._followers.follow(model.name, lambda: model.change))

    def guarded(self, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler for those who may ask; whatever goes wrong is an answer too."""

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            name = self._name(request)
            name = name if name in self._models else _NOBODY
            try:
                self._admit(request)
                found = await handler(request)
            except Exception as error:  # noqa: BLE001  no request stays without an answer
                found = _failed(error)
            self._metrics.answers.labels(name, str(found.status_code)).inc()
            self._metrics.seconds.labels(name).observe(time.monotonic() - began)
            return found

        return answer

    def _admit(self, request: Request) -> None:
        if self._tokens is None:
            self._hosts.require_known(request.headers.get("host"))
        elif self._tokens.name_of(request.headers.get("authorization", "")) is None:
            raise HttpRefused(401, UNAUTHORIZED)

    def _name(self, request: Request) -> str:
        """The model that is asked for; the first where none is named."""
        name: str = request.path_params.get("model", next(iter(self._models)))
        return name

    def _model(self, request: Request) -> ServedModel:
        found = self._models.get(self._name(request))
        if found is None:
            raise HttpRefused(404, f"no model of this name is served: {', '.join(self._models)}")
        return found

    @staticmethod
    def _pinned(request: Request, served: Served) -> Served:
        version = request.path_params.get("version")
        if version is not None and version != str(served.version):
            raise HttpRefused(
                404, f"version {served.version} is served and no other: an older one may hold what was deleted since"
            )
        return served

    async def _answer(self, request: Request, served: Served, body: bytes, asked: Callable[[], Asked]) -> Answer:
        answer = await _apart(body, lambda: served.scores(asked()))
        self._metrics.inputs.labels(self._name(request)).inc(len(answer.scores))
        return answer

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._settings.body_bytes, self._settings.answer_within)


def make_app(
    models: Sequence[ServedModel],
    settings: ServingSettings,
    tokens: Tokens | None,
    hosts: Hosts,
    followers: Followers,
    stopping: Callable[[], bool],
) -> Starlette:
    """The application. `stopping`: whether the server ends, and so isn't ready."""
    metrics = Metrics(models, followers.count)
    routes = _Routes({model.name: model for model in models}, settings, tokens, hosts, followers, metrics)

    async def live(_: Request) -> Response:
        ended = "; ".join(f"{model.name}: {model.ended}" for model in models if model.ended)
        return (
            json_answer(503, {"live": False, "error": ended})
            if ended and not stopping()
            else json_answer(200, {"live": True})
        )

    async def ready(request: Request) -> Response:
        return json_answer(503, {"ready": False, "error": "stopping"}) if stopping() else await routes.ready(request)

    async def server(_: Request) -> Response:
        return json_answer(200, {"name": "unlearn", "version": _version(), "extensions": []})

    async def shown(_: Request) -> Response:
        return Response(metrics.text(), media_type=METRICS_TYPE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        followers.begin()
        for model in models:
            model.start()
        yield
        await asyncio.gather(*(asyncio.to_thread(model.close) for model in models))

    guarded: Mapping[str, tuple[str, _Handler]] = {
        "/scores": ("POST", routes.scores),
        "/models/{model}/scores": ("POST", routes.scores),
        "/events": ("GET", routes.events),
        "/models/{model}/events": ("GET", routes.events),
        **{
            f"/v2/models/{{model}}{pinned}{path}": route
            for pinned in ("", "/versions/{version}")
            for path, route in {
                "": ("GET", routes.describe),
                "/ready": ("GET", routes.model_ready),
                "/infer": ("POST", routes.infer),
            }.items()
        },
    }
    open_to_all: Mapping[str, _Handler] = {
        "/v2": server,
        "/v2/health/live": live,
        "/v2/health/ready": ready,
        "/livez": live,
        "/readyz": ready,
        "/metrics": shown,
    }
    return application(
        [
            *(Route(path, routes.guarded(handler), methods=[kind]) for path, (kind, handler) in guarded.items()),
            *(Route(path, answering_to(hosts, handler, _failed)) for path, handler in open_to_all.items()),
        ],
        unrouted,
        lifespan,
    )


async def _apart(body: bytes, work: Callable[[], _T]) -> _T:
    """What work on the body gives, which is done in a thread where the body is long."""
    return work() if len(body) <= _INLINE else await asyncio.to_thread(work)


def _version() -> str:
    from importlib.metadata import version

    return version("unlearn-stream")


def _headers(answer: Answer) -> dict[str, str]:
    """What every answer's headers say of the version that gave it."""
    ends = answer.lease_ends
    return {
        "Unlearn-Version": str(answer.version),
        "Unlearn-Content": answer.content,
        "Unlearn-Left-Out": ",".join(map(str, answer.left_out)),
        "Unlearn-Lease-Ends": "" if ends is None else ends.isoformat(timespec="milliseconds"),
        "Unlearn-Learned": "true" if answer.learned else "false",
    }


def _failed(error: Exception) -> Response:
    if (refused := refusal(error)) is not None:
        return refused
    if isinstance(error, BadRows):
        return json_answer(400, {"error": str(error)})
    if isinstance(error, AnswerInvalid):
        return json_answer(422, {"error": str(error)})
    if isinstance(error, NotEnough | ScorerStopped):
        return json_answer(503, {"error": str(error)}, refusal_headers(503, _AGAIN))
    return unforeseen(error, "server")
