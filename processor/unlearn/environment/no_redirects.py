"""Requests that go to the URL that a setting names, and nowhere else."""

from __future__ import annotations

from typing import Any
from urllib.request import HTTPRedirectHandler

__all__ = ["NoRedirects"]


class NoRedirects(HTTPRedirectHandler):
    """For `build_opener`: a redirect is an HTTPError."""

    def redirect_request(self, *_: Any) -> None:
        return None
