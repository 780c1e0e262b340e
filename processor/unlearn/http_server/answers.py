"""What all our servers answer alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from math import ceil
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

__all__ = ["METRICS_TYPE", "event_stream", "refusal_headers"]

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of Prometheus' text format. Its library's name for it is newer than the one that is needed here."""


def refusal_headers(code: int, retry_after: float | None = None) -> dict[str, str]:
    """The headers of a refusal: when to come again, in seconds, and that a token is asked for."""
    again = {"Retry-After": str(ceil(retry_after))} if retry_after else {}
    challenge = {"WWW-Authenticate": "Bearer"} if code == 401 else {}
    return {**again, **challenge}


def event_stream(request: Request, events: AsyncIterator[bytes]) -> Response:
    """Server-sent events. Whoever asks for the head alone gets none: they would keep the connection busy for ever."""
    headers, kind = {"Cache-Control": "no-store"}, "text/event-stream"
    if request.method == "HEAD":
        return Response(None, 200, headers, kind)
    return StreamingResponse(events, 200, headers, kind)
