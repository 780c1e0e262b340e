"""TLS in front of a service of a test's own, by whatever certificate."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["listening", "tls_proxy"]


@contextlib.contextmanager
def tls_proxy(port: int, certificate: Path, clients: Path | None = None) -> Iterator[int]:
    """Its port; `clients` is the authority of the certificates that it asks for, if it does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    with listening(lambda wire: _pass_on(wire, context, port)) as found:
        yield found


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port at which each connection is served, on a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = listener.accept()
                threading.Thread(target=serve, args=(wire,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def _pass_on(wire: socket.socket, context: ssl.SSLContext, port: int) -> None:
    inner = context.wrap_socket(wire, server_side=True, do_handshake_on_connect=False)
    try:
        inner.do_handshake()
    except ssl.SSLError:
        _close_in_order(inner)
        return
    except OSError:
        return
    with contextlib.suppress(OSError), inner, socket.create_connection(("127.0.0.1", port)) as outer:
        while asked := inner.recv(65536):
            outer.sendall(asked)
            inner.sendall(outer.recv(65536))


def _close_in_order(inner: ssl.SSLSocket) -> None:
    """So that the client sees the alert: what it has sent meanwhile, unread, would take it from it."""
    with contextlib.suppress(OSError), inner:
        inner.settimeout(10)
        socket.socket.shutdown(inner, socket.SHUT_WR)
        while socket.socket.recv(inner, 65536):
            continue
