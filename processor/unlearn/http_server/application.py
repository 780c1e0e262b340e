"""The ASGI application of a server of ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["application"]


def application(
    routes: Sequence[Route],
    unrouted: Callable[[Request, Exception], Awaitable[Response]],
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
) -> Starlette:
    """An application of these routes; `unrouted` answers where there is no such path or method."""
    app = Starlette(routes=routes, exception_handlers={HTTPException: unrouted}, lifespan=lifespan)
    # A redirection names the server as the Host header does: body and token would go wherever that says.
    app.router.redirect_slashes = False
    return app
