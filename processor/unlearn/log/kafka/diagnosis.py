"""Why no client gets through to Kafka: each server is tried by hand, step by step.

The client itself only says that it could not, even where a login is refused (kafka-python 3.0.12).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from typing import NamedTuple

from kafka.errors import KafkaError
from kafka.net.sasl import get_sasl_mechanism

from unlearn.errors import LogDenied, LogUnavailable, UnlearnError
from unlearn.settings import KafkaSettings

__all__ = ["Diagnosis", "diagnose"]

_PATIENCE = 3.0
_METADATA, _SASL_HANDSHAKE, _API_VERSIONS, _SASL_AUTHENTICATE = 3, 17, 18, 36
_UNSUPPORTED_MECHANISM = 33
_ILLEGAL_SASL_STATE = 34
_LARGEST_ANSWER = 10_000_000
_TLS_ALERT = b"\x15\x03"
_CHECK = "check UNLEARN_KAFKA__BOOTSTRAP_SERVERS"


class Diagnosis(NamedTuple):
    """What is wrong. `final`: waiting can't help, a setting must be changed."""

    error: UnlearnError
    final: bool


class _Mistake(Exception):
    def __init__(self, what: str, *, final: bool = True, denied: bool = False) -> None:
        super().__init__(what)
        self.final = final
        self.denied = denied


def diagnose(settings: KafkaSettings, patience: float = _PATIENCE) -> Diagnosis:
    """What is wrong with one of the servers: the first with a mistake in the settings, else the first of all.

    `patience`: seconds for each answer.
    """
    servers = settings.bootstrap_servers.split(",")
    mistakes = [_mistake(settings, *_address(server), patience) for server in servers]
    worst = next((mistake for mistake in mistakes if mistake.final), mistakes[0])
    kind = LogDenied if worst.denied else LogUnavailable
    return Diagnosis(kind(f"Kafka can't be reached: {worst}"), worst.final)


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def _mistake(settings: KafkaSettings, host: str, port: int, patience: float) -> _Mistake:
    where = f"{host}:{port}"
    try:
        with _open(host, port, patience) as plain, _secured(settings, plain, host, where) as connection:
            _try(settings, connection, where)
    except _Mistake as mistake:
        return mistake
    except OSError as error:
        return _Mistake(f"{where} breaks the connection off ({type(error).__name__})", final=False)
    return _Mistake(f"{where} listens, but gives no answer in time", final=False)


def _open(host: str, port: int, patience: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), patience)
    except socket.gaierror:
        raise _Mistake(
            f"the name {host} doesn't resolve; check UNLEARN_KAFKA__BOOTSTRAP_SERVERS", final=False
        ) from None
    except ConnectionRefusedError:
        raise _Mistake(
            f"nothing listens on {host}:{port}; {_CHECK}, or start one with: unlearn services up", final=False
        ) from None
    except OSError as error:
        raise _Mistake(f"{host}:{port} can't be connected to ({error.strerror or error})", final=False) from None


def _secured(settings: KafkaSettings, plain: socket.socket, host: str, where: str) -> socket.socket:
    if not settings.security_protocol.endswith("SSL"):
        return plain
    try:
        return _context(settings).wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise _Mistake(
            f"the certificate of {where} is not trusted ({error.verify_message}); check UNLEARN_KAFKA__SSL_CAFILE, "
            "and that the certificate is for this name"
        ) from None
    except (OSError, ValueError):
        raise _Mistake(
            f"{where} doesn't speak TLS, or refuses ours; UNLEARN_KAFKA__SECURITY_PROTOCOL is "
            f"{settings.security_protocol}"
        ) from None


def _context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile and str(settings.ssl_cafile))
        if settings.ssl_certfile:
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    except (OSError, ValueError) as error:
        raise _Mistake(f"a file of UNLEARN_KAFKA__SSL_* can't be used ({error})") from None
    return context


def _try(settings: KafkaSettings, connection: socket.socket, where: str) -> None:
    """Greet the server, then log in or ask about the cluster. Returns once all of it is answered; raises _Mistake."""
    protocol = settings.security_protocol
    if _ask(connection, _API_VERSIONS, 0) is None:
        if _speaks_tls(where):
            raise _Mistake(f"{where} speaks TLS, and UNLEARN_KAFKA__SECURITY_PROTOCOL is {protocol}")
        wants = " It may want a certificate of ours: UNLEARN_KAFKA__SSL_CERTFILE" if protocol.endswith("SSL") else ""
        raise _Mistake(f"{where} listens, but does not answer as Kafka.{wants}", final=False)
    if not protocol.startswith("SASL"):
        if _ask(connection, _METADATA, 1, struct.pack(">i", 0)) is None:
            raise _Mistake(f"{where} wants a login, and UNLEARN_KAFKA__SECURITY_PROTOCOL is {protocol}")
        return
    mechanism = settings.sasl_mechanism or ""
    answer = _ask(connection, _SASL_HANDSHAKE, 1, struct.pack(">h", len(mechanism)) + mechanism.encode())
    _judge_handshake(answer, mechanism, where, protocol)
    _log_in(settings, connection, where)


def _judge_handshake(answer: bytes | None, mechanism: str, where: str, protocol: str) -> None:
    code = struct.unpack_from(">h", answer)[0] if answer else _ILLEGAL_SASL_STATE
    if code == _UNSUPPORTED_MECHANISM and answer:
        raise _Mistake(
            f"{where} has no login by {mechanism or 'no mechanism'}; it has {', '.join(_texts(answer[2:])) or 'none'}: "
            "set UNLEARN_KAFKA__SASL_MECHANISM",
            denied=True,
        )
    if code == _ILLEGAL_SASL_STATE:
        raise _Mistake(f"{where} takes no login, and UNLEARN_KAFKA__SECURITY_PROTOCOL is {protocol}")


def _log_in(settings: KafkaSettings, connection: socket.socket, where: str) -> None:
    name = settings.sasl_mechanism or ""
    refused = f"{where} refuses the login of {settings.sasl_username or 'nobody'} by {name}"
    try:
        mechanism = get_sasl_mechanism(name)(host=_address(where)[0], **settings.client_options())
        while not mechanism.is_done():
            token = mechanism.auth_bytes()
            answer = _ask(connection, _SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
            if answer is None:
                raise _Mistake(f"{refused}: it hangs up", final=False)
            (code,) = struct.unpack_from(">h", answer)
            message, at = _text(answer, 2)
            if code:
                raise _Mistake(f"{refused}: {message or f'error {code}'}", denied=True)
            mechanism.receive(answer[at + 4 :])
    except (AssertionError, TypeError, ValueError, KeyError, ImportError, KafkaError) as error:
        raise _Mistake(
            f"the login by {name} can't be made ({type(error).__name__}: {error}); check UNLEARN_KAFKA__SASL_USERNAME "
            "and UNLEARN_KAFKA__SASL_PASSWORD",
            denied=True,
        ) from None


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A string, as Kafka writes it, and where it ends; empty where there is none."""
    (size,) = struct.unpack_from(">h", data, at)
    end = at + 2 + max(0, size)
    return data[at + 2 : end].decode("utf-8", "replace"), end


def _texts(data: bytes) -> list[str]:
    """An array of strings, as Kafka writes it."""
    (count,) = struct.unpack_from(">i", data)
    found, at = [], 4
    for _ in range(min(count, 100)):
        text, at = _text(data, at)
        found.append(text)
    return found


def _ask(connection: socket.socket, key: int, version: int, body: bytes = b"") -> bytes | None:
    """The body of the answer; None where the other side hangs up, or answers in another protocol."""
    request = struct.pack(">hhih", key, version, 1, -1) + body
    with contextlib.suppress(ConnectionError, ssl.SSLError, EOFError):
        connection.sendall(struct.pack(">i", len(request)) + request)
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


def _speaks_tls(where: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = _address(where)
    try:
        with socket.create_connection((host, port), _PATIENCE) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False
