"""Serves a gateway over HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from unlearn.errors import SettingsError, Unavailable
from unlearn.gateway.gateway import Gateway
from unlearn.settings import Settings

__all__ = ["listening", "serve"]

_BACKLOG = 128


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The command takes the signals itself."""
        yield


def serve(gateway: Gateway, settings: Settings, listener: socket.socket, stop: Callable[[], bool]) -> None:
    """Serve until `stop` says so, or the gateway has failed; then end the requests under way.

    Raises SettingsError, and what the gateway failed by, such as LogDiverged.
    """
    own = settings.gateway
    config = uvicorn.Config(
        gateway.app(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        limit_concurrency=own.connections,
        timeout_graceful_shutdown=max(1, round(settings.drain_within)),
        ssl_certfile=own.tls_certificate,
        ssl_keyfile=own.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"UNLEARN_GATEWAY__TLS_CERTIFICATE, UNLEARN_GATEWAY__TLS_KEY: {error}") from None
    server = _Server(config)
    asyncio.run(_served(server, gateway, listener, stop))
    if gateway.failed is not None:
        raise gateway.failed


async def _served(server: uvicorn.Server, gateway: Gateway, listener: socket.socket, stop: Callable[[], bool]) -> None:
    async def heed() -> None:
        while not stop() and not gateway.stopping:
            await asyncio.sleep(0.1)
        gateway.stopping = server.should_exit = True

    heeding = asyncio.create_task(heed())
    await server.serve([listener])
    heeding.cancel()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises Unavailable."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise Unavailable(f"can't listen on {host}:{port}: {error.strerror}") from None
    # Its connections inherit it, and asyncio sets it on none: a body would wait until its headers are acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
