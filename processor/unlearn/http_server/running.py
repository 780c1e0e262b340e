"""Runs an ASGI application until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from unlearn.environment.named_files import Unreadable, read_named_file
from unlearn.environment.tls_files import is_encrypted
from unlearn.errors import SettingsError

__all__ = ["Limits", "Tls", "run"]


class Tls(NamedTuple):
    """The server's certificate and key; none for no TLS. `settings` names the variables that say so."""

    certificate: Path | None
    key: Path | None
    settings: str

    def require_usable(self) -> None:
        """Raises SettingsError for files that can't be read, and for a key with a password, which OpenSSL would ask a
        terminal for."""
        for path in (self.certificate, self.key):
            try:
                found = b"" if path is None else read_named_file(path)
            except Unreadable as error:
                raise SettingsError(f"{self.settings}: {path} {error}") from None
            if is_encrypted(found):
                raise SettingsError(f"{self.settings}: the key in {path} has a password; give one without")


class Limits(NamedTuple):
    """Connections at once; seconds without a request's whole head, or without any of an answer being taken, after which
    one is closed; and seconds for requests under way to end."""

    connections: int
    quiet_for: float
    drain_within: float


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The command takes the signals itself."""
        yield


class _Connection(H11Protocol):
    """One that is closed where it sends no whole head of a request in time, or takes nothing of an answer: idle ones
    would fill up all that there may be, and health would not be answered. So where there are as many as may be, the one
    is closed that has asked for nothing for the longest time."""

    quiet_for: float
    since = 0.0
    """When it began, or the last answer was whole."""
    _timer: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        self._make_room()
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._reads_a_head():
            self._wait()
        else:
            self._stop_waiting()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._stop_looking()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_looking()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()

    def _make_room(self) -> None:
        if self.limit_concurrency is None or len(self.connections) < self.limit_concurrency:
            return
        others = [one for one in self.connections if isinstance(one, _Connection) and one is not self]
        if idle := [one for one in others if one.is_idle()]:
            gives_way = min(idle, key=lambda one: (not one.transport.is_closing(), one.since))
            # Under TLS a client may take long to agree to its end: from here on it isn't counted.
            self.connections.discard(gives_way)
            gives_way.transport.abort()

    def _should_upgrade(self) -> bool:
        """Never: the request is answered as it stands. uvicorn would advise in the log to install a library, each
        time that somebody asks for it."""
        return False

    def is_idle(self) -> bool:
        """Whether it has neither a whole head of a request, nor any of an answer that is to be taken."""
        return self._reads_a_head() and not self.transport.get_write_buffer_size()

    def _reads_a_head(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is None or cycle.response_complete

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.quiet_for, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._reads_a_head():
            self.transport.close()

    def _look_again(self, waits: int) -> None:
        """`waits`: bytes of answers that the client has to take before more are written."""
        self._stop_looking()
        self._taking = self.loop.call_later(self.quiet_for, self._look, waits)

    def _stop_looking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _look(self, waited: int) -> None:
        waits = self.transport.get_write_buffer_size()
        if waits < waited:
            self._look_again(waits)
        else:
            self.transport.abort()


class _Loop(asyncio.SelectorEventLoop):
    """Its servers close connections that begin TLS and don't get on, which uvicorn doesn't see before that: after
    asyncio's own minute they would hold all files that a process may open."""

    def __init__(self, within: float) -> None:
        super().__init__()
        self._within = within

    async def create_server(self, *args: Any, **more: Any) -> asyncio.Server:
        if more.get("ssl"):
            more |= {"ssl_handshake_timeout": self._within, "ssl_shutdown_timeout": self._within}
        return await super().create_server(*args, **more)


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
        http=type("_Connection", (_Connection,), {"quiet_for": limits.quiet_for}),
        ws="none",
        lifespan="on",
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=max(1, round(limits.drain_within)),
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
    )
    try:
        tls.require_usable()
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{tls.settings}: {error}") from None
    with asyncio.Runner(loop_factory=lambda: _Loop(limits.quiet_for)) as runner:
        runner.run(_served(_Server(config), listener, stop, stopping))


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
