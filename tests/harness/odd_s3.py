"""An S3 server that answers as it is told, whatever it is asked: for what no good server does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

__all__ = ["Answer", "Asked", "OddS3", "odd_s3"]


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Asked(NamedTuple):
    method: str
    headers: Mapping[str, str]
    body: bytes


GOOD = {"ETag": '"tag"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}


class OddS3:
    """It gives the answers in `next` one by one, and then says yes to everything; `asked` is what it was asked."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.next: list[Answer] = []
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.next.pop(0) if self.next else Answer(200, GOOD)


@contextmanager
def odd_s3() -> Iterator[OddS3]:
    """A server that listens inside the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = made.answer(Asked(self.command, dict(self.headers), body))
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer if self.command != "HEAD" else b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = OddS3(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
