"""Tokens for Kafka: where they come from, how long they are kept, and what is said where there are none."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.harness.certificates import Authority
from tests.harness.token_server import CLIENT, SECRET, TokenServer
from unlearn.log.kafka.security import aws
from unlearn.log.kafka.security.errors import TokenRefused, TokenUnavailable
from unlearn.log.kafka.security.token import Token, end_of
from unlearn.log.kafka.security.token_endpoint import Endpoint, ask
from unlearn.log.kafka.security.tokens import AGAIN_AFTER, FAILED_FOR, KeptToken, token_provider
from unlearn.service_settings.kafka import KafkaSettings


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Tokens t1, t2 and so on that last 100 s; `failing` is raised instead."""

    def __init__(self, clock: Clock, lasts: float | None = 100.0) -> None:
        self.clock, self.lasts, self.asked = clock, lasts, 0
        self.failing: Exception | None = None

    def __call__(self) -> Token:
        self.asked += 1
        if self.failing is not None:
            raise self.failing
        return Token(f"t{self.asked}", None if self.lasts is None else self.clock() + self.lasts)


def kept(source: Source, clock: Clock) -> KeptToken:
    return KeptToken(source, (), clock)


def test_a_token_is_kept_until_three_quarters_of_its_life_are_over() -> None:
    clock = Clock()
    source = Source(clock)
    provider = kept(source, clock)
    assert [provider.token() for _ in range(3)] == ["t1"] * 3
    clock.now += 74
    assert provider.token() == "t1"
    clock.now += 2
    assert provider.token() == "t2"


def test_a_token_without_an_end_is_asked_for_each_time() -> None:
    clock = Clock()
    provider = kept(Source(clock, lasts=None), clock)
    assert [provider.token(), provider.token()] == ["t1", "t2"]


@pytest.mark.parametrize("failure", [TokenUnavailable("away"), TokenRefused("no")])
def test_the_token_before_serves_until_it_ends(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    source = Source(clock)
    provider = kept(source, clock)
    provider.token()
    source.failing = failure
    clock.now += 80
    with caplog.at_level(logging.WARNING, "unlearn"):
        assert provider.token() == "t1"
    assert f"ends in 20 s: {failure}" in caplog.text
    # It isn't asked for at every connection meanwhile
    provider.token()
    assert source.asked == 2
    clock.now += AGAIN_AFTER
    provider.token()
    assert source.asked == 3
    # Once it has ended the failure is told, for a while without asking, and then another try may succeed
    clock.now += 20
    for _ in range(3):
        with pytest.raises(type(failure), match=str(failure)):
            provider.token()
    assert source.asked == 4
    source.failing = None
    clock.now += FAILED_FOR
    assert provider.token() == "t5"


def test_a_token_that_has_ended_is_refused() -> None:
    clock = Clock()
    with pytest.raises(TokenRefused, match="has ended 7 s ago"):
        kept(Source(clock, lasts=-7), clock).token()


def test_all_clients_of_the_same_settings_share_a_token() -> None:
    values: dict[str, Any] = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}
    settings = KafkaSettings(**values, sasl_token_provider="json:dumps", sasl_extensions="logicalCluster=l,pool=a=b")
    provider = token_provider(settings)
    assert provider is token_provider(settings.model_copy(update={"client_id": "another"}))
    assert provider is not None
    assert provider.extensions() == {"logicalCluster": "l", "pool": "a=b"}
    assert token_provider(KafkaSettings()) is None


def test_the_end_of_a_json_web_token_is_read_and_of_others_isn_t() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 5}).encode()).decode().rstrip("=")
    assert end_of(f"h.{claims}.s") == 5.0
    assert [end_of(text) for text in ("opaque", "a.b.c", f"h.{claims}", "..")] == [None] * 4


# -- by client credentials


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[TokenServer]:
    made = TokenServer(authority.issue("server", ("localhost",)))
    yield made
    made.close()


@pytest.fixture
def endpoint(server: TokenServer, authority: Authority) -> Iterator[Callable[..., Endpoint]]:
    values: dict[str, Any] = {"url": server.url, "client_id": CLIENT, "secret": SECRET, "cafile": authority.file}
    yield lambda **changed: Endpoint(**values | {"within": 5.0} | changed)
    server.failing = server.sent_to = None


def test_a_token_with_its_end_is_had(endpoint: Callable[..., Endpoint]) -> None:
    found = ask(endpoint(scope="kafka other"))
    assert found.ends is not None
    assert found.text.count(".") == 2
    assert found.text not in repr(found)
    assert SECRET not in repr(endpoint())


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b'{"error": "invalid_client"}', TokenRefused, "401 invalid_client.*CLIENT_ID and .*CLIENT_SECRET"),
        (403, b"<html>", TokenRefused, "403.*CLIENT_SECRET"),
        (400, b'{"error": "invalid_scope"}', TokenRefused, "invalid_scope.*TOKEN_SCOPE"),
        (404, b"no such page", TokenRefused, "404.*TOKEN_URL"),
        (503, b"later", TokenUnavailable, "gives no token now .503"),
        (429, b"[]", TokenUnavailable, "gives no token now .429"),
        (200, b"<html>", TokenRefused, "answers with no token.*TOKEN_URL"),
        (200, b'{"access_token": ""}', TokenRefused, "answers with no token"),
        (200, b'["a"]', TokenRefused, "answers with no token"),
        (302, b"", TokenRefused, "302.*TOKEN_URL"),
        (0, b"", TokenUnavailable, "within 0.3 s"),
    ],
)
def test_each_refusal_of_an_endpoint_is_told(
    endpoint: Callable[..., Endpoint], server: TokenServer, status: int, body: bytes, kind: type[Exception], words: str
) -> None:
    server.failing = status, body
    server.sent_to = server.url if status == 302 else None
    asked = server.asked
    with pytest.raises(kind, match=words) as refused:
        ask(endpoint(within=5.0 if status else 0.3))
    assert SECRET not in str(refused.value)
    assert server.asked == asked + 1, "the secret goes nowhere else"


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({"cafile": None}, TokenRefused, "certificate of .* not trusted.*TOKEN_CAFILE"),
        ({"cafile": Path("/")}, TokenRefused, "SASL_TOKEN_CAFILE: / is a folder"),
        ({"url": "https://127.0.0.1:9/"}, TokenUnavailable, "gives no token .Connection refused.*TOKEN_URL"),
        ({"url": "https://no-such-host.invalid/"}, TokenUnavailable, "doesn't resolve.*TOKEN_URL"),
    ],
)
def test_an_endpoint_that_can_t_be_asked_is_told(
    endpoint: Callable[..., Endpoint], changed: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ask(endpoint(**changed))


# -- Amazon's


def test_amazon_s_token_is_a_request_that_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-key")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    token = aws.msk_token(None)
    url = urlsplit(base64.urlsafe_b64decode(token.text + "=" * (-len(token.text) % 4)).decode())
    said = parse_qs(url.query)
    assert url.netloc == "kafka.eu-north-1.amazonaws.com"
    assert said["Action"] == ["kafka-cluster:Connect"]
    assert said["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert said["X-Amz-Signature"]
    assert token.ends is not None


@pytest.mark.parametrize(("region", "words"), [(None, "SASL_AWS_REGION is not set"), ("eu-north-1", "no credentials")])
def test_what_is_missing_for_amazon_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region: str | None, words: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(TokenRefused, match=words):
        aws.msk_token(region)


def test_the_extra_for_amazon_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aws_msk_iam_sasl_signer", None)
    with pytest.raises(TokenRefused, match=r"unlearn-stream\[aws\]"):
        aws.msk_token("eu-north-1")


def test_whatever_asking_raises_the_token_before_serves_until_its_end() -> None:
    clock = Clock()
    source = Source(clock)
    provider = kept(source, clock)
    provider.token()
    source.failing = RuntimeError("a library's own")
    clock.now += 80
    assert provider.token() == "t1"
    clock.now += 21
    with pytest.raises(TokenUnavailable, match="RuntimeError"):
        provider.token()


def test_a_provider_that_raises_as_it_is_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raising_provider.py").write_text("import os\nWHERE = os.environ['NOT_THERE_AT_ALL']\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = KafkaSettings(
        security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_token_provider="raising_provider:token"
    )
    provider = token_provider(settings)
    assert provider is not None
    with pytest.raises(TokenRefused, match=r"SASL_TOKEN_PROVIDER: importing .* KeyError"):
        provider.token()


def test_an_end_beyond_all_numbers_is_none() -> None:
    claims = base64.urlsafe_b64encode(b'{"exp": 1' + b"0" * 400 + b"}").decode().rstrip("=")
    assert end_of(f"h.{claims}.s") is None
