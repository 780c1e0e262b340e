"""A schema registry on this machine, and messages framed by its schemas."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["FRAME", "Registry", "change", "framed", "serving"]

FRAME = b"\0\0\0\0"
ROW = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "subject_id", "type": ["null", "string"]},
        {"name": "text", "type": ["null", "string"]},
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
    ],
}
CHANGE = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "before", "type": ["null", ROW]},
        {"name": "after", "type": ["null", "Row"]},
        {"name": "op", "type": "string"},
        {
            "name": "source",
            "type": {"type": "record", "name": "Source", "fields": [{"name": "lsn", "type": ["null", "long"]}]},
        },
    ],
}
KEY = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]}
EVENT = {
    "type": "record",
    "name": "Event",
    "fields": [
        *({"name": name, "type": "string"} for name in ("type", "event_id", "record_id")),
        {"name": "subject_id", "type": ["null", "string"]},
        {"name": "text", "type": "string"},
    ],
}
BLOB = {"type": "record", "name": "Blob", "fields": [{"name": "data", "type": "bytes"}]}
SCHEMAS = {1: CHANGE, 2: KEY, 3: EVENT, 4: BLOB}
LOGIN = "Basic " + base64.b64encode(b"me:pass:word").decode()


class Registry(ThreadingHTTPServer):
    """Knows the schemas by their ids; `broken`: it answers with 500."""

    broken = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://me:pass%3Aword@127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        number = int(self.path.rsplit("/", 1)[1])
        self.server.asked.append(self.path)
        known = SCHEMAS.get(number)
        code = 500 if self.server.broken else 401 if self.headers["Authorization"] != LOGIN else 200 if known else 404
        body: dict[str, Any] = {"schema": json.dumps(known)} if known else {"error_code": 40403}
        if number == 9:
            code, body = 200, {"schema": "syntax", "schemaType": "PROTOBUF"}
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def serving() -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def framed(number: int, value: Any) -> bytes:
    from fastavro import parse_schema, schemaless_writer

    out = io.BytesIO()
    schemaless_writer(out, parse_schema(json.loads(json.dumps(SCHEMAS[number]))), value)
    return FRAME + bytes([number]) + out.getvalue()


def change(op: str, before: Any = None, after: Any = None) -> bytes:
    return framed(1, {"op": op, "before": before, "after": after, "source": {"lsn": 33}})
