"""Requests that operators leave for a partition's owner, and which are still open. They stand in a hash of their own.

Whoever leaves one needs no token, since nothing of the partition's tables is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import redis

from unlearn.state.keys import Keys
from unlearn.state.refusals import told
from unlearn.state.snapshot import read_snapshot

__all__ = ["leave_requests", "open_requests"]

_AT_ONCE = 10_000
"""Requests that one command brings; Redis takes about half a million."""


def leave_requests(client: redis.Redis, keys: Keys, requests: Mapping[str, str]) -> None:
    """Leave requests, as field -> value, for the partition's owner. May be repeated. Raises StateUnavailable."""
    left = iter(requests.items())
    with told(client):
        while some := list(islice(left, _AT_ONCE)):
            client.hset(keys.of("asked"), items=[part for request in some for part in request])


def open_requests(client: redis.Redis, keys: Keys) -> set[str]:
    """The fields of the requests that the owner hasn't carried out yet. Raises StateUnavailable."""
    (fields,) = read_snapshot(client, [("HKEYS", keys.of("asked"))])
    return {field.decode("latin-1") for field in fields}
