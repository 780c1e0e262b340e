"""Why no client gets through to Kafka: each server is tried by hand, step by step.

The client itself only says that it could not, even where a login is refused (kafka-python 3.0.12).
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from unlearn.errors import LogDenied, LogUnavailable, UnlearnError
from unlearn.log.kafka.security.login import log_in
from unlearn.log.kafka.security.mistake import Mistake
from unlearn.log.kafka.security.tls import because_of_alert, secured, speaks_tls
from unlearn.log.kafka.security.wire import API_VERSIONS, METADATA, ask
from unlearn.service_settings.kafka import KafkaSettings

__all__ = ["Diagnosis", "diagnose"]

_PATIENCE = 3.0
_CHECK = "check UNLEARN_KAFKA__BOOTSTRAP_SERVERS"


class Diagnosis(NamedTuple):
    """What is wrong. `final`: waiting can't help, a setting must be changed."""

    error: UnlearnError
    final: bool


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


def _mistake(settings: KafkaSettings, host: str, port: int, patience: float) -> Mistake:
    where = f"{host}:{port}"
    try:
        with _open(host, port, patience) as plain, secured(settings, plain, host, where) as connection:
            _try(settings, connection, host, port)
    except Mistake as mistake:
        return mistake
    except OSError as error:
        return Mistake(f"{where} breaks the connection off ({type(error).__name__})", final=False)
    return Mistake(f"{where} listens, but gives no answer in time", final=False)


def _open(host: str, port: int, patience: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), patience)
    except socket.gaierror:
        raise Mistake(f"the name {host} doesn't resolve; {_CHECK}", final=False) from None
    except ConnectionRefusedError:
        raise Mistake(
            f"nothing listens on {host}:{port}; {_CHECK}, or start one with: unlearn services up", final=False
        ) from None
    except OSError as error:
        raise Mistake(f"{host}:{port} can't be connected to ({error.strerror or error})", final=False) from None


def _try(settings: KafkaSettings, connection: socket.socket, host: str, port: int) -> None:
    """Greet the server, then log in or ask about the cluster. Returns once all of it is answered; raises Mistake."""
    protocol, where = settings.security_protocol, f"{host}:{port}"
    body, alert = ask(connection, API_VERSIONS, 0)
    if body is None:
        if not protocol.endswith("SSL") and speaks_tls(host, port):
            raise Mistake(f"{where} speaks TLS, and UNLEARN_KAFKA__SECURITY_PROTOCOL is {protocol}")
        raise because_of_alert(alert, settings, where) or _no_kafka(settings, where)
    if not protocol.startswith("SASL"):
        if ask(connection, METADATA, 1, struct.pack(">i", 0)).body is None:
            raise Mistake(f"{where} wants a login, and UNLEARN_KAFKA__SECURITY_PROTOCOL is {protocol}")
        return
    log_in(settings, connection, host, where)


def _no_kafka(settings: KafkaSettings, where: str) -> Mistake:
    wants = ""
    if settings.security_protocol.endswith("SSL"):
        verb = "want a" if settings.ssl_certfile is None else "refuse the"
        wants = f". It may {verb} certificate of ours: UNLEARN_KAFKA__SSL_CERTFILE"
    return Mistake(f"{where} listens, but does not answer as Kafka{wants}", final=False)
