"""What all our servers answer alike."""

from __future__ import annotations

from math import ceil
from typing import Final

__all__ = ["METRICS_TYPE", "refusal_headers"]

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of Prometheus' text format. Its library's name for it is newer than the one that is needed here."""


def refusal_headers(code: int, retry_after: float | None = None) -> dict[str, str]:
    """The headers of a refusal: when to come again, in seconds, and that a token is asked for."""
    again = {"Retry-After": str(ceil(retry_after))} if retry_after else {}
    challenge = {"WWW-Authenticate": "Bearer"} if code == 401 else {}
    return {**again, **challenge}
