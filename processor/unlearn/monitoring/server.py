"""A worker's metrics and health over HTTP, for Prometheus and for probes: no login, and no id in any answer."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from unlearn.errors import HttpRefused
from unlearn.http_server.hosts import Hosts
from unlearn.monitoring.monitor import Monitor

__all__ = ["serving"]

_log = logging.getLogger(__name__)
_TEXT = "text/plain; charset=utf-8"
_WITHIN = 10.0
"""Seconds for a request to come, and for its answer to be taken."""
_MOST = 100
"""Connections at once: each has a thread and a file of the worker's."""


@contextmanager
def serving(monitor: Monitor, listener: socket.socket, hosts: Hosts) -> Iterator[None]:
    """While it lasts, `/metrics`, `/livez` and `/readyz` are answered on the socket, to those who ask by one of the
    hosts. The socket is closed at the end."""
    registry = CollectorRegistry()
    registry.register(monitor.metrics)
    handler = type("_Handler", (_Answers,), {"monitor": monitor, "registry": registry, "hosts": hosts})
    server = _Server(listener.getsockname()[:2], handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """One whose connections end in time, however slowly a client sends or reads; where there are too many, the oldest
    ends, so that probes are answered."""

    daemon_threads = True

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._since: dict[socket.socket, float] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._since) >= _MOST:
            self._end(next(iter(self._since)))
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        overdue = time.monotonic() - _WITHIN
        for request, since in list(self._since.items()):
            if since < overdue:
                self._end(request)

    def shutdown_request(self, request: Any) -> None:
        self._since.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            _log.debug("a connection broke off: %s", error)
        else:
            _log.error("a request failed unforeseen", exc_info=error)

    def _end(self, request: socket.socket) -> None:
        """Its thread finds it closed."""
        self._since.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class _Answers(BaseHTTPRequestHandler):
    monitor: ClassVar[Monitor]
    registry: ClassVar[CollectorRegistry]
    hosts: ClassVar[Hosts]
    server_version, sys_version = "unlearn", ""

    def do_GET(self) -> None:
        try:
            self.hosts.require_known(self.headers.get("Host"))
        except HttpRefused as error:
            self._send(error.code, f"{error}\n".encode(), _TEXT)
        else:
            self._answer()

    do_HEAD = do_GET  # noqa: N815

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._send(200, generate_latest(self.registry), CONTENT_TYPE_LATEST)
        elif path in ("/livez", "/readyz"):
            why = self.monitor.not_alive() if path == "/livez" else self.monitor.not_ready()
            self._send(503 if why else 200, f"{why or 'ok'}\n".encode(), _TEXT)
        else:
            self._send(404, b"/metrics, /livez and /readyz are here\n", _TEXT)

    def _send(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the base class calls it
        _log.debug("%a", format % args)
