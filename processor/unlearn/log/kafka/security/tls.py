"""What is wrong with the TLS between a client and a broker: which side objects, and to what."""

from __future__ import annotations

import contextlib
import socket
import ssl

from unlearn.environment.tls_files import TlsFilesWrong, fault_of
from unlearn.log.kafka.security.mistake import Mistake
from unlearn.service_settings.kafka import KafkaSettings

__all__ = ["because_of_alert", "secured", "speaks_tls"]

_NAMES = "UNLEARN_KAFKA__"
_PATIENCE, _ALERT_WITHIN = 3.0, 0.3


def secured(settings: KafkaSettings, plain: socket.socket, host: str, where: str) -> socket.socket:
    """The connection with TLS around it, where the settings ask for that. Raises Mistake."""
    if not settings.security_protocol.endswith("SSL"):
        return plain
    try:
        connection = settings.tls_files.context().wrap_socket(plain, server_hostname=host)
        _await_alert(connection)
        return connection
    except TlsFilesWrong as error:
        raise Mistake(str(error)) from None
    except ssl.SSLCertVerificationError as error:
        raise Mistake(_untrusted(error, where)) from None
    except TimeoutError:
        raise Mistake(f"{where} takes connections, but begins no TLS in time", final=False) from None
    except ssl.SSLError as error:
        raise because_of_alert(error.reason or "", settings, where) or _no_tls(settings, where) from None
    except (OSError, ValueError):
        raise _no_tls(settings, where) from None


def because_of_alert(reason: str, settings: KafkaSettings, where: str) -> Mistake | None:
    """The mistake that an alert of the broker's is about, with TLS 1.3 sent behind the handshake; None of others."""
    if "ALERT" not in reason:
        return None
    if "UNKNOWN_CA" in reason or "EXPIRED" in reason or "REVOKED" in reason or "CERTIFICATE" in reason:
        ours, alert = settings.ssl_certfile, reason.partition("ALERT_")[2].replace("_", " ").lower()
        if ours is None:
            return Mistake(
                f"{where} wants a certificate of the client's ({alert}): set {_NAMES}SSL_CERTFILE and "
                f"{_NAMES}SSL_KEYFILE"
            )
        return Mistake(
            f"{where} doesn't take our certificate ({alert}): check {_NAMES}SSL_CERTFILE, whether {ours} is still "
            "valid and is of an authority that the broker trusts"
        )
    if "PROTOCOL_VERSION" in reason or "HANDSHAKE_FAILURE" in reason:
        return Mistake(
            f"{where} and this client can't agree on TLS ({reason}): they have no version or cipher in common"
        )
    return None


def speaks_tls(host: str, port: int) -> bool:
    """Whether somebody who asks for TLS gets it there, with whatever certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), _PATIENCE) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


def _await_alert(connection: ssl.SSLSocket) -> None:
    """Raise the alert by which a broker refuses our certificate, or the want of one.

    With TLS 1.3 it comes behind the handshake, and is lost to those who have sent something meanwhile.
    """
    patience = connection.gettimeout()
    connection.settimeout(_ALERT_WITHIN)
    with contextlib.suppress(TimeoutError, ConnectionError):
        connection.recv(1)
    connection.settimeout(patience)


def _untrusted(error: ssl.SSLCertVerificationError, where: str) -> str:
    if (fault := fault_of(error)) == "name":
        return (
            f"the certificate of {where} is for another name ({error.verify_message}): check "
            f"{_NAMES}BOOTSTRAP_SERVERS and the broker's advertised.listeners, or have a certificate made for this name"
        )
    if fault == "time":
        return (
            f"the certificate of {where} is not valid now ({error.verify_message}): it, or its authority in "
            f"{_NAMES}SSL_CAFILE, must be renewed, unless this machine's clock is wrong"
        )
    return f"the certificate of {where} is not trusted ({error.verify_message}): check {_NAMES}SSL_CAFILE"


def _no_tls(settings: KafkaSettings, where: str) -> Mistake:
    return Mistake(f"{where} doesn't speak TLS: {_NAMES}SECURITY_PROTOCOL is {settings.security_protocol}")
