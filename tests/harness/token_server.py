"""A server of signed tokens by client credentials, over TLS, which can be told to fail in each way."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["AUDIENCE", "CLIENT", "SECRET", "TokenServer"]

CLIENT, SECRET, AUDIENCE, ISSUER = "worker", "se:cret%", "kafka", "https://issuer.test"


class TokenServer:
    """`url` gives tokens to CLIENT with SECRET, each for `lasts` seconds. `asked` counts the questions.

    While `failing` is set, it is a status and a body that is answered instead; a status of 0 is silence.
    """

    def __init__(self, certificate: Path) -> None:
        self.lasts, self.asked, self.scopes = 60.0, 0, list[str]()
        self.failing: tuple[int, bytes] | None = None
        self.sent_to: str | None = None
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"ours": self}))
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def jwks(self) -> str:
        """The public key, as brokers read it."""
        numbers = self._key.public_key().public_numbers()
        n, e = (_b64(number.to_bytes(-(-number.bit_length() // 8), "big")) for number in (numbers.n, numbers.e))
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": n, "e": e}
        return json.dumps({"keys": [key]})

    def token(self, *, lasts: float | None = None, **changed: Any) -> str:
        """A token that a broker takes, unless a claim is changed."""
        now = time.time()
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": CLIENT, "iat": int(now) - 100}
        claims |= {"exp": int(now + (self.lasts if lasts is None else lasts)), "scope": "kafka"} | changed
        head = _b64(json.dumps({"alg": "RS256", "kid": "one"}).encode())
        signed = f"{head}.{_b64(json.dumps(claims).encode())}"
        return f"{signed}.{_b64(self._key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, login: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        self.asked += 1
        if self.failing is not None:
            if self.failing[0] == 0:
                self._released.wait(60)
            return self.failing
        user, _, secret = login.partition(":")
        if (unquote(user), unquote(secret)) != (CLIENT, SECRET):
            return 401, b'{"error": "invalid_client", "error_description": "no such client"}'
        if form.get("grant_type") != ["client_credentials"]:
            return 400, b'{"error": "unsupported_grant_type"}'
        self.scopes += form.get("scope", [])
        if form.get("scope") == ["wrong"]:
            return 400, b'{"error": "invalid_scope"}'
        return 200, json.dumps(
            {"access_token": self.token(), "expires_in": self.lasts, "token_type": "bearer"}
        ).encode()


class _Handler(BaseHTTPRequestHandler):
    ours: TokenServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        status, said = self.ours.answer(login, parse_qs(body))
        if status:
            self.send_response(status)
            if self.ours.sent_to:
                self.send_header("Location", self.ours.sent_to)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    def log_message(self, *_: Any) -> None: ...


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
