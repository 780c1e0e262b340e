"""A route that answers to those alone who ask by a name of the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from unlearn.errors import HttpRefused
from unlearn.http_server.hosts import Hosts

__all__ = ["answering_to"]

_Handler = Callable[[Request], Awaitable[Response]]


def answering_to(hosts: Hosts, handler: _Handler, failed: Callable[[Exception], Response]) -> _Handler:
    """The handler, for requests by a name of the server; `failed` makes the answer to others."""

    async def answer(request: Request) -> Response:
        try:
            hosts.require_known(request.headers.get("host"))
        except HttpRefused as error:
            return failed(error)
        return await handler(request)

    return answer
