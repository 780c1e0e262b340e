"""How a client of Redis is made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from unlearn.environment.redis_url import read_redis_url

__all__ = ["connect", "connect_with"]


def connect(url: str, timeout: float = 5.0) -> redis.Redis:
    """A client of the Redis at `url`; `timeout` as in `connect_with`."""
    return connect_with(read_redis_url(url).client_options(), timeout)


def connect_with(options: Mapping[str, Any], timeout: float = 5.0) -> redis.Redis:
    """A client with these keyword arguments, without retries: by its default it might apply a script twice unnoticed.

    `timeout`: seconds for connecting and for each answer. `client_name` is told to a Redis that lets us.
    """
    patience = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    given = dict(options)
    name = given.pop("client_name", None)
    if name is not None:
        given["redis_connect_func"] = partial(_greet, name)
    return redis.Redis(**patience | given, retry=Retry(NoBackoff(), 0))


def _greet(name: str, connection: Any) -> None:
    """Log in, and tell the connection's name. Who hides CLIENT, or denies it, is used without."""
    connection.on_connect()
    connection.send_command("CLIENT", "SETNAME", name)
    with suppress(redis.ResponseError):
        connection.read_response()
