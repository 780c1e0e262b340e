"""Where a gateway says that it is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from unlearn.gateway.public_url import public_url
from unlearn.service_settings.gateway import GatewaySettings

TLS = {"tls_certificate": Path("a"), "tls_key": Path("b")}


@pytest.mark.parametrize(
    ("given", "domain", "port", "url"),
    [
        ({}, "localhost", 8080, "http://localhost:8080"),
        ({}, "127.0.0.1", 8080, "http://127.0.0.1:8080"),
        ({}, "erase.example", 8080, "https://erase.example"),
        (TLS, "erase.example", 8443, "https://erase.example:8443"),
        (TLS, "erase.example", 443, "https://erase.example"),
        (TLS, "localhost", 8443, "https://localhost:8443"),
        (TLS | {"url": "https://proxy.example/dsr/"}, "erase.example", 8443, "https://proxy.example/dsr"),
        ({"url": "https://proxy.example:444"}, "localhost", 8080, "https://proxy.example:444"),
    ],
)
def test_it_is_where_it_listens_unless_a_proxy_stands_before_it_or_the_settings_say_it(
    given: dict[str, Any], domain: str, port: int, url: str
) -> None:
    assert public_url(GatewaySettings(**given), domain, port) == url


@pytest.mark.parametrize(
    "url", ["erase.example", "http://erase.example", "https://erase.example/?a=b", "https://a/../b"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        GatewaySettings(url=url)
