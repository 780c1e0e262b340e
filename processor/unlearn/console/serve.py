"""Serves the console over HTTP until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from unlearn.console.app import make_app
from unlearn.console.metrics import Metrics
from unlearn.console.poller import Outcome, Poller
from unlearn.console.reading import Connect, reading
from unlearn.console.watchers import Watchers
from unlearn.http_server.access import read_tokens
from unlearn.http_server.hosts import Hosts
from unlearn.http_server.running import Limits, Tls, run
from unlearn.settings import Settings

__all__ = ["serve"]


def serve(settings: Settings, connect: Connect, listener: socket.socket, host: str, stop: Callable[[], bool]) -> None:
    """Serve until `stop` says so; then end what is under way. `host`: where it listens. Raises SettingsError."""
    own = settings.console
    tokens = None if own.tokens is None else read_tokens(own.tokens, "UNLEARN_CONSOLE__TOKENS")

    def looked(outcome: Outcome, seconds: float) -> None:
        metrics.looked(outcome, seconds)
        watchers.tell()

    poller = Poller(partial(reading, settings, connect), settings.lease, own, looked)
    watchers = Watchers(own.watchers, lambda: poller.outcome, poller.watched)
    metrics = Metrics(watchers.count)
    tls = Tls(own.tls_certificate, own.tls_key, "UNLEARN_CONSOLE__TLS_CERTIFICATE, UNLEARN_CONSOLE__TLS_KEY")
    limits = Limits(own.connections, own.answer_within, settings.drain_within)
    hosts = Hosts(host, own.hosts, "UNLEARN_CONSOLE__HOSTS")
    app = make_app(settings, connect, tokens, hosts, poller, watchers, metrics)
    run(app, tls, limits, listener, stop, watchers.end)
