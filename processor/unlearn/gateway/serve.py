"""Serves a gateway over HTTP until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable

from unlearn.gateway.gateway import Gateway
from unlearn.http_server.running import Limits, Tls, run
from unlearn.settings import Settings

__all__ = ["serve"]


def serve(gateway: Gateway, settings: Settings, listener: socket.socket, host: str, stop: Callable[[], bool]) -> None:
    """Serve until `stop` says so, or the gateway has failed; then end the requests under way.

    `host`: where it listens. Raises SettingsError, and what the gateway failed by, such as LogDiverged.
    """
    own = settings.gateway
    tls = Tls(own.tls_certificate, own.tls_key, "UNLEARN_GATEWAY__TLS_CERTIFICATE, UNLEARN_GATEWAY__TLS_KEY")
    limits = Limits(own.connections, own.answer_within, settings.drain_within)
    app = gateway.app(host, listener.getsockname()[1])
    run(app, tls, limits, listener, lambda: stop() or gateway.stopping, gateway.stop)
    if gateway.failed is not None:
        raise gateway.failed
