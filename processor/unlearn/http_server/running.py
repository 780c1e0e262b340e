"""Runs an ASGI application until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette

from unlearn.errors import SettingsError

__all__ = ["Limits", "Tls", "run"]


class Tls(NamedTuple):
    """The server's certificate and key; none for no TLS. `settings` names the variables that say so."""

    certificate: Path | None
    key: Path | None
    settings: str


class Limits(NamedTuple):
    """Connections at once, and seconds for those under way to end."""

    connections: int
    drain_within: float


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The command takes the signals itself."""
        yield


def run(
    app: Starlette,
    tls: Tls,
    limits: Limits,
    listener: socket.socket,
    stop: Callable[[], bool],
    stopping: Callable[[], None],
) -> None:
    """Serve until `stop` says so, then call `stopping` and end the requests under way. Raises SettingsError."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=max(1, round(limits.drain_within)),
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{tls.settings}: {error}") from None
    asyncio.run(_served(_Server(config), listener, stop, stopping))


async def _served(
    server: uvicorn.Server, listener: socket.socket, stop: Callable[[], bool], stopping: Callable[[], None]
) -> None:
    async def heed() -> None:
        while not stop():
            await asyncio.sleep(0.1)
        stopping()
        server.should_exit = True

    heeding = asyncio.create_task(heed())
    await server.serve([listener])
    heeding.cancel()
