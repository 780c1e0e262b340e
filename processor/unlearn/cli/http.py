"""What commands that listen share: the socket, and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import socket

__all__ = ["listening_at", "read_listen"]

_log = logging.getLogger(__name__)


def read_listen(listen: str) -> tuple[str, int]:
    """Host and port of `--listen`. Raises click.BadParameter."""
    from unlearn.http_server.listening import read_address

    found = read_address(listen)
    if found is None:
        raise click.BadParameter("not HOST:PORT, such as 127.0.0.1:8080", param_hint="--listen")
    return found


@contextmanager
def listening_at(listen: str, *, tls: bool, passes: str) -> Iterator[socket.socket]:
    """A socket that listens there, once that is said. `passes`: what would go in the clear without TLS.

    Raises Unavailable, click.BadParameter.
    """
    from unlearn.environment.redis_url import is_loopback
    from unlearn.http_server.listening import listening

    host, port = read_listen(listen)
    with listening(host, port) as listener:
        scheme = "https" if tls else "http"
        click.echo(f"listening on {scheme}://{listen.rpartition(':')[0]}:{listener.getsockname()[1]}")
        if not tls and not is_loopback(host):
            _log.warning("there is no TLS: %s go in the clear, unless a proxy before this has it", passes)
        yield listener
