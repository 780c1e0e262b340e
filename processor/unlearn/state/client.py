"""A client of the Redis that settings name, whose files of TLS are looked at first."""

from __future__ import annotations

import redis

from unlearn.environment.redis_client import connect_with
from unlearn.environment.tls_files import TlsFilesWrong
from unlearn.errors import StateDenied
from unlearn.service_settings.redis import RedisSettings

__all__ = ["client_of"]


def client_of(settings: RedisSettings, timeout: float = 5.0) -> redis.Redis:
    """The client, which connects with its first command; `timeout`: seconds for connecting and for each answer.

    Raises StateDenied for a file of TLS that can't be used: the client would wait for a pipe, or ask a terminal for a
    key's password.
    """
    if settings.address.tls:
        try:
            settings.tls_files.context()
        except TlsFilesWrong as error:
            raise StateDenied(f"Redis at {settings.shown_url()} was not asked: {error}") from None
    return connect_with(settings.client_options(), timeout)
