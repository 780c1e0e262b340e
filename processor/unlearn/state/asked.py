"""Leaving wishes for a partition's owner, and seeing which still stand: without a token, in a hash of their own."""

from __future__ import annotations

from collections.abc import Mapping

import redis

from unlearn.state.keys import Keys
from unlearn.state.refusals import told
from unlearn.state.snapshot import glance

__all__ = ["ask", "asked"]


def ask(client: redis.Redis, keys: Keys, wishes: Mapping[str, str]) -> None:
    """Raises StateUnavailable. May be repeated."""
    with told(client):
        client.hset(keys.of("asked"), items=[part for wish in wishes.items() for part in wish])


def asked(client: redis.Redis, keys: Keys) -> set[str]:
    """The fields of wishes that the owner has not done with. Raises StateUnavailable."""
    (fields,) = glance(client, [("HKEYS", keys.of("asked"))])
    return {field.decode("latin-1") for field in fields}
