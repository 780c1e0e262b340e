"""URLs that this program may call: a list of prefixes, so that nobody can make it call anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from unlearn.environment.redis_url import is_loopback

__all__ = ["UrlPrefix", "is_covered", "read_url_prefix"]

_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""What a URL may be written of: printable ASCII, without quotes, < and >, backslash and the like."""
_CLIMBS = re.compile(r"(^|/)(\.|%2e){1,2}(;|%3b|/|$)|%2f|%5c", re.IGNORECASE)
"""Segments of a path that servers may read as others; some take what is behind a semicolon for no part of one."""


class UrlPrefix(NamedTuple):
    """A URL, and all that lies below its path."""

    scheme: str
    host: str
    port: int
    path: str

    def covers(self, other: UrlPrefix) -> bool:
        """Whether a URL is this one, or below it."""
        below = self.path if self.path.endswith("/") else f"{self.path}/"
        return self[:3] == other[:3] and (other.path == self.path or other.path.startswith(below))


def read_url_prefix(text: str) -> UrlPrefix:
    """The URL without its query. Raises ValueError, which says what is wrong and quotes nothing."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("not a URL such as https://example.com/callbacks") from None
    if reason := _fault(text, parts):
        raise ValueError(reason)
    assert parts.hostname is not None
    return UrlPrefix(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path or "/")


def is_covered(url: str, prefixes: Iterable[str]) -> bool:
    """Whether one of the prefixes covers the URL. Raises ValueError as `read_url_prefix` does."""
    found = read_url_prefix(url)
    return any(read_url_prefix(prefix).covers(found) for prefix in prefixes)


def _fault(text: str, parts: SplitResult) -> str:
    if parts.scheme not in _PORTS or not parts.hostname or not _PLAIN.fullmatch(text):
        return "not a URL such as https://example.com/callbacks"
    if "@" in parts.netloc or "#" in text:
        return "a URL with a user, a password or a fragment is not taken"
    if _CLIMBS.search(parts.path):
        return "a URL whose path has . or .. or an escaped slash is not taken"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "http is taken to this machine only: use https"
    return ""
