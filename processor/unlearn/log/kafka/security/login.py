"""A login by hand, so that each refusal can be told."""

from __future__ import annotations

import json
import socket
import struct

from kafka.net.sasl import get_sasl_mechanism

from unlearn.log.kafka.security.errors import TokenRefused, TokenUnavailable
from unlearn.log.kafka.security.mistake import Mistake
from unlearn.log.kafka.security.options import client_options
from unlearn.log.kafka.security.tls import because_of_alert
from unlearn.log.kafka.security.wire import SASL_AUTHENTICATE, SASL_HANDSHAKE, ask, text, texts
from unlearn.service_settings.kafka import KafkaSettings

__all__ = ["log_in"]

_NAMES = "UNLEARN_KAFKA__"
_UNSUPPORTED_MECHANISM, _ILLEGAL_SASL_STATE = 33, 34


def log_in(settings: KafkaSettings, connection: socket.socket, host: str, where: str) -> None:
    """Log in as the settings say. Raises Mistake."""
    options = client_options(settings)
    name = options.get("sasl_mechanism") or ""
    _agree(settings, connection, name, where)
    refused = f"{where} refuses the login{_of_whom(settings)} by {settings.sasl_mechanism}"
    try:
        mechanism = get_sasl_mechanism(name)(host=host, **options)
        while not mechanism.is_done():
            token = mechanism.auth_bytes()
            answer = ask(connection, SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token).body
            if answer is None:
                raise Mistake(f"{refused}: it hangs up", final=False)
            (code,) = struct.unpack_from(">h", answer)
            message, at = text(answer, 2)
            if code:
                raise Mistake(f"{refused}: {_said(message) or f'error {code}'}{_advice(settings)}", denied=True)
            mechanism.receive(answer[at + 4 :])
    except TokenRefused as error:
        raise Mistake(str(error), denied=True) from None
    except TokenUnavailable as error:
        raise Mistake(str(error), final=False) from None
    except (Mistake, OSError):
        raise
    except Exception as error:  # noqa: BLE001  Kerberos' errors have no class that is there without its library
        raise Mistake(_cant_be_made(settings, error), denied=True) from None


def _agree(settings: KafkaSettings, connection: socket.socket, name: str, where: str) -> None:
    """Have the broker agree to the mechanism."""
    answer, alert = ask(connection, SASL_HANDSHAKE, 1, struct.pack(">h", len(name)) + name.encode())
    if alert and (mistake := because_of_alert(alert, settings, where)):
        raise mistake
    code = struct.unpack_from(">h", answer)[0] if answer else _ILLEGAL_SASL_STATE
    if code == _UNSUPPORTED_MECHANISM and answer:
        raise Mistake(
            f"{where} has no login by {name or 'no mechanism'}; it has {', '.join(texts(answer[2:])) or 'none'}: "
            f"set {_NAMES}SASL_MECHANISM",
            denied=True,
        )
    if code == _ILLEGAL_SASL_STATE:
        raise Mistake(f"{where} takes no login, and {_NAMES}SECURITY_PROTOCOL is {settings.security_protocol}")


def _of_whom(settings: KafkaSettings) -> str:
    if settings.sasl_mechanism in ("OAUTHBEARER", "AWS_MSK_IAM"):
        return f" of {settings.sasl_client_id}" if settings.sasl_client_id else ""
    return f" of {settings.sasl_username}" if settings.sasl_username else " of nobody"


def _said(message: str) -> str:
    """The broker's words, of which OAUTHBEARER makes JSON."""
    try:
        status = json.loads(message)["status"]
    except (ValueError, TypeError, KeyError):
        return message
    return str(status)


def _advice(settings: KafkaSettings) -> str:
    if settings.sasl_mechanism == "OAUTHBEARER":
        source = "TOKEN_URL" if settings.sasl_token_url else "TOKEN_PROVIDER"
        return f"; check issuer, audience, scope and end of the tokens of {_NAMES}SASL_{source}"
    if settings.sasl_mechanism == "AWS_MSK_IAM":
        return f"; check {_NAMES}SASL_AWS_REGION, and that the role may kafka-cluster:Connect"
    if settings.sasl_mechanism == "GSSAPI":
        return f"; check the ticket (klist) and {_NAMES}SASL_KERBEROS_SERVICE"
    return f"; check {_NAMES}SASL_USERNAME and {_NAMES}SASL_PASSWORD"


def _cant_be_made(settings: KafkaSettings, error: Exception) -> str:
    what = f"the login by {settings.sasl_mechanism} can't be made"
    if settings.sasl_mechanism == "GSSAPI":
        if "GSSAPI lib not found" in str(error):
            return f"{what}: it needs the [gssapi] extra: pip install 'unlearn-stream[gssapi]', and Kerberos' libraries"
        said = " ".join(str(error).split())
        return f"{what} ({said}): is there a ticket (kinit, klist)? Check {_NAMES}SASL_KERBEROS_SERVICE too"
    return f"{what} ({type(error).__name__}: {error}); check {_NAMES}SASL_USERNAME and {_NAMES}SASL_PASSWORD"
