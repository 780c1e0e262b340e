"""What the servers that answer in JSON say of a request that fails: `{"error": WHY}`. The gateway's are OpenDSR's."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from unlearn.errors import HttpRefused, InputInvalid
from unlearn.http_server.answers import refusal_headers

__all__ = ["json_answer", "refusal", "unforeseen", "unrouted"]

_log = logging.getLogger(__name__)


def json_answer(code: int, said: Mapping[str, Any] | bytes, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that nobody keeps. `said`: an object, or its bytes."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Response(body, code, {**(headers or {}), "Cache-Control": "no-store"}, "application/json")


def refusal(error: Exception) -> Response | None:
    """The answer to a request that can't be taken as it is; None for other errors."""
    if isinstance(error, InputInvalid):
        return json_answer(400, {"error": str(error)})
    if isinstance(error, HttpRefused):
        return json_answer(error.code, {"error": str(error)}, refusal_headers(error.code, error.retry_after))
    if isinstance(error, ClientDisconnect):
        return json_answer(400, {"error": "the body has no end"})
    return None


def unforeseen(error: Exception, server: str) -> Response:
    """The answer to an error of ours, which the log of `server` has."""
    _log.error("a request failed unforeseen", exc_info=error)
    return json_answer(500, {"error": f"an error that was not foreseen; the {server}'s log tells it"})


async def unrouted(_: Request, error: Exception) -> Response:
    """The answer where there is no such path or method."""
    assert isinstance(error, HTTPException)
    return json_answer(error.status_code, {"error": error.detail}, dict(error.headers or {}))
