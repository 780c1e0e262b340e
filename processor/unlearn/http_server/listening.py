"""Where a server listens."""

from __future__ import annotations

import re
import socket

from unlearn.errors import Unavailable

__all__ = ["Address", "listening", "read_address"]

Address = tuple[str, int]
"""(host, port)."""
_ADDRESS = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})")
_BACKLOG = 128


def read_address(text: str) -> Address | None:
    """The host and the port in HOST:PORT; None where that isn't what the text is."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        return None
    return match["six"] or match["name"], int(match["port"])


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
