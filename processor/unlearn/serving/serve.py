"""Serves models over HTTP until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from unlearn.errors import SettingsError
from unlearn.http_server.access import read_tokens
from unlearn.http_server.hosts import Hosts
from unlearn.http_server.running import Limits, Tls, run
from unlearn.scoring.scorer import Scorer
from unlearn.serving.app import make_app
from unlearn.serving.followers import Followers
from unlearn.serving.served_model import ServedModel
from unlearn.settings import Settings

__all__ = ["serve"]

Connect = Callable[[float], Scorer]


def serve(
    connects: Sequence[tuple[str, Connect]],
    settings: Settings,
    listener: socket.socket,
    host: str,
    stop: Callable[[], bool],
) -> None:
    """Serve models, each by its name and what connects its scorer, until `stop` says so; then end what is under way.

    `host`: where it listens. Raises SettingsError, also where what was set is not the model's.
    """
    own = settings.serving
    tokens = None if own.tokens is None else read_tokens(own.tokens, "UNLEARN_SERVING__TOKENS")
    followers = Followers(own.listeners)

    models = [ServedModel(name, connect, followers.tell) for name, connect in connects]
    ended = False

    def failed() -> SettingsError | None:
        return next((model.failed for model in models if model.failed is not None), None)

    def stopping() -> None:
        nonlocal ended
        ended = True
        followers.end()

    tls = Tls(own.tls_certificate, own.tls_key, "UNLEARN_SERVING__TLS_CERTIFICATE, UNLEARN_SERVING__TLS_KEY")
    limits = Limits(own.connections, own.answer_within, settings.drain_within)
    hosts = Hosts(host, own.hosts, "UNLEARN_SERVING__HOSTS")
    app = make_app(models, own, tokens, hosts, followers, lambda: ended)
    run(app, tls, limits, listener, lambda: stop() or failed() is not None, stopping)
    if (error := failed()) is not None:
        raise error
