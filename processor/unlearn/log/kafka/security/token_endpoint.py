"""Tokens by client credentials (RFC 6749, section 4.4), asked for at a URL with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import math
import socket
import ssl
import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple, Self
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPSHandler, Request, build_opener

from unlearn.environment.bounded_calls import within
from unlearn.environment.no_redirects import NoRedirects
from unlearn.environment.tls_files import TlsFiles, TlsFilesWrong, TlsNames
from unlearn.log.kafka.security.errors import TokenRefused, TokenUnavailable
from unlearn.log.kafka.security.token import Token, end_of
from unlearn.service_settings.kafka import KafkaSettings

__all__ = ["Endpoint", "ask"]

_NAMES = "UNLEARN_KAFKA__SASL_"
_URL, _WHO = f"{_NAMES}TOKEN_URL", f"{_NAMES}CLIENT_ID and {_NAMES}CLIENT_SECRET"
_MOST = 1_000_000
_WITHIN = 10.0
"""Seconds for an answer: the client's thread waits for it, and sends no heartbeat meanwhile."""
_CLIENT_ERRORS = {
    "invalid_client": _WHO,
    "unauthorized_client": _WHO,
    "access_denied": _WHO,
    "invalid_scope": f"{_NAMES}TOKEN_SCOPE",
    "unsupported_grant_type": _URL,
}
"""What RFC 6749 has a server say, and which settings it is about."""


class Endpoint(NamedTuple):
    """Where tokens are had, and by whom."""

    url: str
    client_id: str
    secret: str
    scope: str | None = None
    cafile: Path | None = None
    within: float = _WITHIN

    def __repr__(self) -> str:
        return f"Endpoint({self.url})"

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self | None:
        """The endpoint of the settings, if they name one."""
        if settings.sasl_token_url is None or settings.sasl_client_id is None or settings.sasl_client_secret is None:
            return None
        return cls(
            settings.sasl_token_url,
            settings.sasl_client_id,
            settings.sasl_client_secret.get_secret_value(),
            settings.sasl_token_scope,
            settings.sasl_token_cafile,
            min(_WITHIN, settings.request_timeout),
        )


def ask(endpoint: Endpoint) -> Token:
    """A new token. Raises TokenRefused where a setting must be changed, else TokenUnavailable."""
    began = time.time()
    body = _body(endpoint)
    try:
        said = json.loads(body)
        text = said["access_token"]
        lasts = said.get("expires_in")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise TokenRefused(f"{endpoint.url} answers with no token: check {_URL}") from None
    if not isinstance(text, str) or not text:
        raise TokenRefused(f"{endpoint.url} answers with no token: check {_URL}")
    seconds = _seconds(lasts)
    return Token(text, end_of(text) if seconds is None else began + seconds)


def _seconds(said: object) -> float | None:
    if isinstance(said, bool) or not (isinstance(said, int | float) or (isinstance(said, str) and said.isdigit())):
        return None
    try:
        found = float(said)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _body(endpoint: Endpoint) -> bytes:
    opener = build_opener(HTTPSHandler(context=_context(endpoint)), NoRedirects)

    def answered() -> bytes:
        try:
            with opener.open(_request(endpoint), timeout=endpoint.within) as answer:
                return _taken(answer, endpoint)
        except HTTPError as error:
            raise _refusal(endpoint, error) from None

    try:
        return within(endpoint.within, answered)
    except URLError as error:
        raise _silence(endpoint, error.reason) from None
    except (OSError, HTTPException) as error:
        raise _silence(endpoint, error) from None


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        return TlsFiles(TlsNames(f"{_NAMES}TOKEN_CAFILE"), endpoint.cafile).context()
    except TlsFilesWrong as error:
        raise TokenRefused(str(error)) from None


def _request(endpoint: Endpoint) -> Request:
    form = {"grant_type": "client_credentials"} | ({"scope": endpoint.scope} if endpoint.scope else {})
    login = f"{quote(endpoint.client_id, safe='')}:{quote(endpoint.secret, safe='')}"
    headers = {
        "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "unlearn",
    }
    return Request(endpoint.url, urlencode(form).encode(), headers, method="POST")  # noqa: S310  the settings allow http[s] alone


def _taken(answer: HTTPResponse, endpoint: Endpoint) -> bytes:
    found = answer.read(_MOST + 1)
    if len(found) > _MOST:
        raise TokenUnavailable(f"{endpoint.url} answers without end: check {_URL}")
    return found


def _refusal(endpoint: Endpoint, error: HTTPError) -> TokenRefused | TokenUnavailable:
    try:
        said = json.loads(error.read(_MOST))
        code, why = str(said.get("error", "")), str(said.get("error_description", ""))
    except (ValueError, AttributeError, OSError, HTTPException):
        code = why = ""
    told = " ".join(f"{error.code} {code} {why}".split())[:300]
    if error.code >= 500 or error.code == 429:
        return TokenUnavailable(f"{endpoint.url} gives no token now ({told})")
    if code in _CLIENT_ERRORS or error.code in (401, 403):
        about = _CLIENT_ERRORS.get(code, _WHO)
        return TokenRefused(f"{endpoint.url} refuses {endpoint.client_id} a token ({told}): check {about}")
    return TokenRefused(f"{endpoint.url} gives no token ({told}): check {_URL}")


def _silence(endpoint: Endpoint, why: object) -> TokenRefused | TokenUnavailable:
    if isinstance(why, ssl.SSLCertVerificationError):
        return TokenRefused(
            f"the certificate of {endpoint.url} is not trusted ({why.verify_message}): check {_NAMES}TOKEN_CAFILE"
        )
    if isinstance(why, ssl.SSLError):
        return TokenRefused(f"{endpoint.url} doesn't speak TLS ({why.reason or why}): check {_URL}")
    if isinstance(why, socket.gaierror):
        return TokenUnavailable(f"the name in {endpoint.url} doesn't resolve: check {_URL}")
    if isinstance(why, TimeoutError):
        return TokenUnavailable(f"{endpoint.url} gives no token within {endpoint.within:g} s")
    said = getattr(why, "strerror", None) or why or type(why).__name__
    return TokenUnavailable(f"{endpoint.url} gives no token ({said}): is it up, and {_URL} right?")
