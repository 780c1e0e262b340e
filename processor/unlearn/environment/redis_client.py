"""How a client of Redis is made."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from unlearn.environment.redis_url import read_redis_url

__all__ = ["connect"]


def connect(url: str, timeout: float = 5.0) -> redis.Redis:
    """A client of the Redis at `url`, without retries: by its default it might apply a script twice unnoticed.

    `timeout`: seconds for connecting and for each answer.
    """
    patience = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    return redis.Redis(**patience | read_redis_url(url).client_options(), retry=Retry(NoBackoff(), 0))
