"""One try of a callback over HTTP."""

from __future__ import annotations

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol

import httpx

__all__ = ["HttpPoster", "Poster"]


class Poster(Protocol):
    """Posts JSON."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        """Why it didn't get there; empty where it did."""
        ...


class HttpPoster:
    """Posts over HTTP; follows no redirection, keeps no cookie, reads no answer's body. `timeout` is in seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        # One sender's cookies are none of another's, and would stay for ever.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=timeout, cookies=no_cookies)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        """See `Poster`; any answer from 200 to 299 will do."""
        try:
            async with asyncio.timeout(self._timeout):
                async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                    return "" if answer.is_success else f"the answer is {answer.status_code}"
        except TimeoutError:
            return f"no answer in {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return type(error).__name__

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
