"""A few of Kafka's requests by hand, on an open connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from typing import NamedTuple

__all__ = ["API_VERSIONS", "METADATA", "SASL_AUTHENTICATE", "SASL_HANDSHAKE", "Answer", "ask", "text", "texts"]

METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 3, 17, 18, 36
_LARGEST_ANSWER = 10_000_000
_TLS_ALERT = b"\x15\x03"


class Answer(NamedTuple):
    """The body of an answer; None where the other side hangs up, or answers in another protocol.

    `alert` is why its TLS broke off, if it did.
    """

    body: bytes | None
    alert: str = ""


def ask(connection: socket.socket, key: int, version: int, body: bytes = b"") -> Answer:
    """Raises OSError for other troubles of the network, a time-out among them."""
    request = struct.pack(">hhih", key, version, 1, -1) + body
    try:
        with contextlib.suppress(ConnectionError, EOFError):
            connection.sendall(struct.pack(">i", len(request)) + request)
            return Answer(_body(connection))
    except ssl.SSLError as error:
        return Answer(None, error.reason or str(error))
    return Answer(None, _alert_behind(connection))


def text(data: bytes, at: int) -> tuple[str, int]:
    """A string, as Kafka writes it, and where it ends; empty where there is none."""
    (size,) = struct.unpack_from(">h", data, at)
    end = at + 2 + max(0, size)
    return data[at + 2 : end].decode("utf-8", "replace"), end


def texts(data: bytes) -> list[str]:
    """An array of strings, as Kafka writes it."""
    (count,) = struct.unpack_from(">i", data)
    found, at = [], 4
    for _ in range(min(count, 100)):
        one, at = text(data, at)
        found.append(one)
    return found


def _body(connection: socket.socket) -> bytes | None:
    head = _take(connection, 4)
    (size,) = struct.unpack(">i", head)
    if 4 <= size <= _LARGEST_ANSWER and not head.startswith(_TLS_ALERT):
        return _take(connection, size)[4:]
    return None


def _take(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _alert_behind(connection: socket.socket) -> str:
    """The alert that a sending which broke off has left unread."""
    if not isinstance(connection, ssl.SSLSocket):
        return ""
    try:
        connection.recv(1)
    except ssl.SSLError as error:
        return error.reason or str(error)
    except OSError:
        return ""
    return ""
