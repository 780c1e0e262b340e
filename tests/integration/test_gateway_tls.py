"""A gateway that speaks TLS by files, and Fides' callbacks as they arrive at a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from tests.harness.certificates import Authority
from tests.harness.gateway import DOMAIN, TOKEN, Caller, Receiver, proves, receiving, request_of, served, two_people
from tests.harness.processes import Process
from tests.harness.waiting import until
from unlearn.settings import Settings

pytestmark = [pytest.mark.slow]
EVER = 120.0
"""Seconds: no test waits for its end."""


class Site(NamedTuple):
    settings: Settings
    receiver: Receiver
    folder: Path
    gateway: Caller


@pytest.fixture(scope="module")
def site(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A model with records of ann and bob, and a gateway whose files of TLS sign, too; no worker yet."""
    folder = tmp_path_factory.mktemp("gateway")
    authority = Authority(folder / "authority", "authority")
    certificate = authority.issue("gateway", (DOMAIN,))
    (folder / "tokens").write_text(f"shop {TOKEN}\n")
    with receiving() as receiver, ExitStack() as stack:
        settings = two_people(
            kafka,
            redis_url,
            folder,
            gateway={
                "domain": DOMAIN,
                "tokens": folder / "tokens",
                "tls_certificate": certificate.with_suffix(".crt"),
                "tls_key": certificate.with_suffix(".key"),
                "callbacks": [receiver.url],
                "fides_url": f"{receiver.url}/fides/",
                "callback_patience": 60,
            },
        )
        _, gateway = stack.enter_context(served(settings, folder / "gateway", authority.file))
        yield Site(settings, receiver, folder, gateway)


def test_over_tls_a_request_is_taken_and_its_answer_proved_by_the_certificate_that_discovery_names(site: Site) -> None:
    created = site.gateway.post(request_of("r1", "nobody"))
    named = site.gateway.get("/discovery").json()["processor_certificate"]

    assert created.status_code == 201
    assert site.gateway.status("r1")["request_status"] == "pending"
    assert urlsplit(named)[:2] == urlsplit(site.gateway.url)[:2]
    assert proves(site.gateway.get(named).content, created.headers, created.content)


def test_who_does_not_trust_its_authority_or_speaks_plainly_gets_nothing(site: Site) -> None:
    with pytest.raises(httpx.ConnectError, match=r"(?i)certificate"):
        httpx.get(f"{site.gateway.url}/livez")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{site.gateway.url.replace('https', 'http')}/livez")


def test_fides_is_called_back_once_all_is_done_by_a_path_or_a_url_with_its_token(site: Site) -> None:
    receiver, path, whole = site.receiver, "/api/v1/privacy-request/1/resume", "/failing/resume"
    receiver.codes.append(503)
    by_path = site.gateway.post(request_of("f1", "ann"), reply_to=path, reply_to_token="token-of-f1")
    by_url = site.gateway.post(request_of("f2", "bob"), reply_to=receiver.url + whole, reply_to_token="token-of-f2")
    assert [by_path.status_code, by_url.status_code] == [201, 201]
    assert site.gateway.status("f1")["request_status"] == "pending"
    assert not receiver.came

    with Process(site.settings, site.folder / "worker", "work"):
        until(lambda: all(is_told(site.gateway, one) for one in ("f1", "f2")), EVER, "both are told, and it is noted")

    (one,), (failed, again) = receiver.at(f"/fides{path}"), receiver.at(whole)
    assert one.said == failed.said == again.said == {"rows_masked": 3}
    assert [came.headers["Authorization"] for came in (one, again)] == ["Bearer token-of-f1", "Bearer token-of-f2"]
    assert failed.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert proves(site.gateway.get("/certificate.pem").content, one.headers, one.body)


def is_told(gateway: Caller, request_id: str) -> bool:
    """Whether the request is completed, and its callback knows."""
    said = gateway.status(request_id)
    return bool(said["request_status"] == said["callbacks"][0].get("told") == "completed")
