"""Leaving operator requests for a partition's owner, and seeing which are open: by no token, in a hash of their own."""

from __future__ import annotations

from collections.abc import Mapping

import redis

from unlearn.state.keys import Keys
from unlearn.state.refusals import told
from unlearn.state.snapshot import read_snapshot

__all__ = ["leave_requests", "open_requests"]


def leave_requests(client: redis.Redis, keys: Keys, requests: Mapping[str, str]) -> None:
    """Raises StateUnavailable. May be repeated."""
    with told(client):
        client.hset(keys.of("asked"), items=[part for request in requests.items() for part in request])


def open_requests(client: redis.Redis, keys: Keys) -> set[str]:
    """The fields of requests that the owner has not done with. Raises StateUnavailable."""
    (fields,) = read_snapshot(client, [("HKEYS", keys.of("asked"))])
    return {field.decode("latin-1") for field in fields}
