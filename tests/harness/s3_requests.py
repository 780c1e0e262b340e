"""Requests to an S3 server that no client of ours sends: to make buckets, and to change how they work.

Signed by AWS Signature Version 4, as Amazon's S3 reference describes it.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Login", "request"]

_SIGNED = "host;x-amz-content-sha256;x-amz-date"


class Login(NamedTuple):
    access_key: str
    secret_key: str
    region: str = "us-east-1"


def request(
    endpoint: str, login: Login, method: str, path: str, query: str = "", body: bytes = b""
) -> tuple[int, bytes]:
    """Status and body of the answer. `query` names one sub-resource, such as `versioning`."""
    host = urlsplit(endpoint).netloc
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"host": host, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(), "x-amz-date": at}
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    asked = "\n".join((method, path, f"{query}=" if query else "", lines, _SIGNED, headers["x-amz-content-sha256"]))
    scope = f"{at[:8]}/{login.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", at, scope, hashlib.sha256(asked.encode()).hexdigest()))
    key = b"AWS4" + login.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={login.access_key}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        url = f"{path}?{query}=" if query else path
        connection.request(method, url, body, {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
