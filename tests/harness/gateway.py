"""A gateway as a process, its certificate, its callers, and a receiver of its callbacks."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64decode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.harness.events import insert, send
from tests.harness.processes import Process
from tests.harness.settings import settings_of
from tests.harness.waiting import until
from unlearn.admin.topics import create
from unlearn.client.client import Client
from unlearn.gateway.gateway import Gateway
from unlearn.gateway.serve import serve
from unlearn.http_server.listening import listening
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log
from unlearn.services.address import free_port
from unlearn.settings import Settings

__all__ = [
    "DOMAIN",
    "TOKEN",
    "Called",
    "Caller",
    "Receiver",
    "gateway_files",
    "in_process",
    "is_ready",
    "proves",
    "receiving",
    "request_of",
    "served",
    "two_people",
]

DOMAIN = "127.0.0.1"
TOKEN, OTHERS = "a-token-of-the-shop-0001", "a-token-of-the-bank-0001"


def gateway_files(folder: Path, *, curve: bool = False, domain: str = DOMAIN, days: int = 1) -> dict[str, Any]:
    """A certificate with its key, and tokens: settings of a gateway."""
    folder.mkdir(parents=True, exist_ok=True)
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
        ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, domain)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "tokens").write_text(f"# who may ask\n\nshop {TOKEN}\nbank {OTHERS}\n")
    return {
        "domain": domain,
        "signing_certificate": folder / "certificate.pem",
        "signing_key": folder / "key.pem",
        "tokens": folder / "tokens",
    }


def two_people(kafka: str, redis_url: str, folder: Path, **values: Any) -> Settings:
    """A new model with three records of ann and three of bob on its topic; `values` are settings beside its places."""
    settings = settings_of(
        kafka={"bootstrap_servers": kafka},
        redis={"url": redis_url},
        store={"url": (folder / "store").as_uri()},
        services_dir=folder,
        partitions=2,
        trainers=0,
        **values,
    )
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        with closing(log.producer()) as producer:
            rows = [insert(f"{who}{n}", who, text=f"win {n}") for who in ("ann", "bob") for n in range(3)]
            send(producer, settings, rows)
    return settings


def proves(certificate: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the headers hold a signature of the body, by the certificate. Raises InvalidSignature."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    signature = b64decode(headers["X-OpenDSR-Signature"])
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, body, padding.PKCS1v15(), SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, body, ec.ECDSA(SHA256()))
    return True


def request_of(request_id: str, *subjects: str, **more: Any) -> dict[str, Any]:
    """The body of an erasure."""
    identities = [
        {"identity_type": "controller_customer_id", "identity_format": "raw", "identity_value": subject}
        for subject in subjects
    ]
    return {
        "regulation": "gdpr",
        "subject_request_id": request_id,
        "subject_request_type": "erasure",
        "subject_identities": identities,
        "submitted_time": "2026-03-01T09:30:00Z",
        **more,
    }


class Caller:
    """Asks a gateway, with a token; by TLS it trusts the authority whose certificate is in `trusts`."""

    def __init__(self, url: str, token: str = TOKEN, trusts: Path | None = None) -> None:
        self.url = url
        verify: ssl.SSLContext | bool = True if trusts is None else ssl.create_default_context(cafile=trusts)
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60, verify=verify)

    def post(self, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._client.post("/requests", content=content, headers={"content-type": "application/json", **named})

    def get(self, path: str, **asked: Any) -> httpx.Response:
        return self._client.get(path, **asked)

    def status(self, request_id: str) -> dict[str, Any]:
        """What it says of a request."""
        answer = self.get(f"/requests/{request_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def delete(self, request_id: str) -> httpx.Response:
        return self._client.delete(f"/requests/{request_id}")

    def close(self) -> None:
        self._client.close()


@contextmanager
def in_process(settings: Settings, log: Log) -> Iterator[tuple[Caller, Caller]]:
    """A gateway on a thread of this process once it is ready, and the shop and the bank that ask it."""
    stopping = threading.Event()
    with Client(settings, log) as client, listening("127.0.0.1", 0) as listener, ExitStack() as stack:
        gateway = Gateway(settings, log, client)
        serving = threading.Thread(target=serve, args=(gateway, settings, listener, "127.0.0.1", stopping.is_set))
        serving.start()
        stack.callback(gateway.close)
        stack.callback(serving.join)
        stack.callback(stopping.set)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        shop, bank = (stack.enter_context(closing(Caller(url, token))) for token in (TOKEN, OTHERS))
        until(lambda: is_ready(shop), 60, "it is ready")
        yield shop, bank


@contextmanager
def served(
    settings: Settings, folder: Path, trusts: Path | None = None, **changed: str
) -> Iterator[tuple[Process, Caller]]:
    """A gateway process once it is ready, and who asks it; by TLS, where that is whom the caller trusts."""
    port = free_port()
    with Process(settings, folder, "gateway", "--listen", f"127.0.0.1:{port}", **changed) as process:
        caller = Caller(f"{'http' if trusts is None else 'https'}://127.0.0.1:{port}", trusts=trusts)
        try:
            until(lambda: process.popen.poll() is not None or is_ready(caller), 60, process.errors)
            assert process.popen.poll() is None, process.errors()
            yield process, caller
        finally:
            caller.close()


def is_ready(caller: Caller) -> bool:
    """Whether the gateway says that it is."""
    try:
        return caller.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


class Called(NamedTuple):
    """A callback as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver(ThreadingHTTPServer):
    """Takes callbacks. `codes` are the next answers, then 200; what is below /never gets none until it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[Called] = []
        self.codes: deque[int] = deque()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def at(self, path: str) -> list[Called]:
        """Those that came to this path."""
        return [one for one in self.came if one.path == path]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.came.append(Called(self.path, dict(self.headers), body))
        if self.path.startswith("/never"):
            self.server.closing.wait()
            return
        code = self.server.codes.popleft() if self.server.codes and self.path.startswith("/failing") else 200
        self.send_response(code)
        self.send_header("content-length", "0")
        self.send_header("set-cookie", "seen=1; Path=/")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver at work."""
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        yield receiver
        receiver.closing.set()
        receiver.shutdown()
        thread.join()
