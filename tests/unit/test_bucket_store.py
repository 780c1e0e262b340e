"""What a store in a bucket asks of a server, and what it makes of odd answers."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import S3Store

from tests.harness.odd_s3 import GOOD, Answer, Asked, OddS3, odd_s3
from unlearn.environment.clock import Clock
from unlearn.errors import ArtefactInvalid, SettingsError, StoreDenied, StoreMissing, StoreUnavailable, StoreUnsupported
from unlearn.service_settings.store import StoreSettings
from unlearn.storage.artefacts import Artefact, Store, artefact_name, open_store
from unlearn.storage.buckets.client import connect
from unlearn.storage.buckets.store import open_bucket

NAME = artefact_name(Artefact(3, 1, "state", 5, 7), "1-ab-1", b"bytes")
SECRET = "a key that nobody may see"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddS3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with odd_s3() as made:
        yield made


def store_at(server: OddS3, **changed: object) -> Store:
    values = {"url": "s3://bucket/prefix", "endpoint": server.endpoint, **changed}
    return open_store(StoreSettings.model_validate(values), "model")


def refusal(status: int, code: str, message: str = "said so") -> Answer:
    return Answer(status, body=f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


def test_a_file_is_written_once_only_and_with_its_checksum(server: OddS3) -> None:
    store_at(server).put(NAME, b"bytes")

    (put,) = server.asked
    assert put.method == "PUT"
    assert put.headers["if-none-match"] == "*"
    assert base64.b64decode(put.headers["x-amz-checksum-sha256"]) == hashlib.sha256(b"bytes").digest()
    assert put.body == b"bytes"


def test_a_server_in_trouble_is_asked_again(server: OddS3) -> None:
    server.next = [Answer(503), Answer(500)]

    store_at(server, retry_for=60).put(NAME, b"bytes")

    assert len(server.asked) == 3


def test_it_is_not_asked_again_if_that_is_not_wanted(server: OddS3) -> None:
    server.next = [Answer(503)]

    with pytest.raises(StoreUnavailable, match="can't write"):
        store_at(server, retry_for=0).put(NAME, b"bytes")

    assert len(server.asked) == 1


def test_for_as_long_as_a_call_got_no_answer_the_next_ones_fail_at_once(server: OddS3) -> None:
    now = [0.0]
    where = StoreSettings(url="s3://bucket", endpoint=server.endpoint, retry_for=0)
    store = open_bucket(where, "model", Clock(monotonic=lambda: now[0]))

    def slow_trouble(asked: Asked) -> Answer:
        server.asked.append(asked)
        now[0] += 10.0
        return Answer(503)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "answer", slow_trouble)
        with pytest.raises(StoreUnavailable, match="503"):
            store.put(NAME, b"bytes")
    for now[0] in (10.0, 19.9):
        with pytest.raises(StoreUnavailable, match=r"503.*asked again in a moment"):
            store.put(NAME, b"bytes")
    assert len(server.asked) == 1
    now[0] = 20.0
    store.put(NAME, b"bytes")
    assert len(server.asked) == 2


def test_a_put_whose_answer_was_lost_counts_as_written(server: OddS3) -> None:
    server.next = [Answer(503), refusal(412, "PreconditionFailed"), Answer(200, GOOD, b"bytes")]

    store_at(server, retry_for=60).put(NAME, b"bytes")

    assert [asked.method for asked in server.asked] == ["PUT", "PUT", "GET"]


def test_a_name_that_has_other_bytes_is_not_written(server: OddS3) -> None:
    server.next = [refusal(412, "PreconditionFailed"), Answer(200, GOOD, b"other")]

    with pytest.raises(StoreUnavailable, match="other bytes"):
        store_at(server).put(NAME, b"bytes")


def test_what_was_read_is_sent_again_only_if_it_changed(server: OddS3) -> None:
    store = store_at(server)
    server.next = [Answer(200, GOOD, b"bytes"), Answer(304, GOOD), Answer(200, GOOD, b"other")]

    assert [store.get(NAME) for _ in range(3)] == [b"bytes", b"bytes", b"other"]

    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"tag"', '"tag"']


def test_what_was_just_written_need_not_be_sent(server: OddS3) -> None:
    store = store_at(server)
    store.put(NAME, b"bytes")
    server.next = [Answer(304, GOOD)]

    assert store.get(NAME, 5) == b"bytes"


def test_of_a_file_of_another_size_nothing_is_read(server: OddS3) -> None:
    server.next = [Answer(200, {**GOOD, "Content-Length": str(1 << 40)}, b"the first of a terabyte")]

    with pytest.raises(ArtefactInvalid, match="has 1099511627776 bytes, not 5"):
        store_at(server).get(NAME, 5)


def test_spoilt_bytes_are_not_held(server: OddS3) -> None:
    store = store_at(server)
    server.next = [Answer(200, GOOD, b"spoilt"), Answer(200, GOOD, b"bytes")]

    assert [store.get(NAME), store.get(NAME)] == [b"spoilt", b"bytes"], "its readers compare digests"

    assert "if-none-match" not in server.asked[1].headers


def test_a_deleted_file_is_not_held(server: OddS3) -> None:
    store = store_at(server)
    store.put(NAME, b"bytes")
    store.delete(NAME)
    server.next = [Answer(200, GOOD, b"bytes")]

    store.get(NAME)

    assert "if-none-match" not in server.asked[-1].headers


def test_a_file_that_is_gone_already_is_deleted(server: OddS3) -> None:
    server.next = [Answer(404), refusal(404, "NoSuchKey")]

    store_at(server).delete(NAME)

    assert [asked.method for asked in server.asked] == ["DELETE", "GET"]


def test_a_server_that_writes_a_name_twice_is_refused(server: OddS3) -> None:
    with pytest.raises(StoreUnsupported, match="writes a name twice") as error:
        store_at(server).check()

    assert error.value.exit_code == 65
    assert server.asked[-1].method == "DELETE", "nothing is left of the check"


@pytest.mark.parametrize("version", ["3HL4kqtJvjVBH40Nrjfkd", "null"])
def test_a_bucket_that_gives_versions_is_refused_while_it_is_used(server: OddS3, version: str) -> None:
    server.next = [Answer(200, {**GOOD, "x-amz-version-id": version})]

    with pytest.raises(StoreUnsupported, match="versioned"):
        store_at(server).put(NAME, b"bytes")


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(404, "NoSuchBucket"), StoreMissing, "make it"),
        (Answer(404, {}, b"<html>a web server</html>"), StoreMissing, "_ENDPOINT"),
        (refusal(403, "InvalidAccessKeyId"), StoreDenied, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (refusal(403, "SignatureDoesNotMatch"), StoreDenied, "refuses the login"),
        (refusal(400, "ExpiredToken"), StoreDenied, "refuses the login"),
        (Answer(401), StoreDenied, "refuses the login"),
        (refusal(403, "RequestTimeTooSkewed"), StoreDenied, "clock"),
        (refusal(403, "AccessDenied"), StoreDenied, "doesn't let this login write"),
        (refusal(400, "AuthorizationHeaderMalformed", "expecting &#39;eu-west-1&#39;"), StoreDenied, "eu-west-1"),
        (refusal(301, "PermanentRedirect"), StoreDenied, "set UNLEARN_STORE__REGION"),
        (refusal(500, "InternalError"), StoreUnavailable, "InternalError: said so"),
        (refusal(507, "InsufficientStorage"), StoreUnavailable, "InsufficientStorage"),
        (Answer(200, {"Content-Length": "nonsense"}), StoreUnavailable, "can't write"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_refusal_is_told_as_what_it_is(
    server: OddS3, answer: Answer, kind: type[StoreUnavailable], words: str
) -> None:
    server.next = [answer]

    with pytest.raises(kind) as error:
        store_at(server, retry_for=0).put(NAME, b"bytes")

    assert error.type is kind
    assert words in str(error.value)
    assert "s3://bucket/prefix" in str(error.value)
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_forked_process_is_told_instead_of_waiting_for_ever(server: OddS3, monkeypatch: pytest.MonkeyPatch) -> None:
    store_at(server).put(NAME, b"bytes")
    monkeypatch.setattr("os.getpid", lambda: 1)

    for store in (store_at(server), store_at(server)):
        with pytest.raises(StoreUnavailable, match="forked"):
            store.put(NAME, b"bytes")


def test_a_web_server_that_has_nothing_lacks_no_file(server: OddS3) -> None:
    store = store_at(server)
    for call in (lambda: store.get(NAME), lambda: store.delete(NAME), store.marker):
        server.next = [Answer(404, {}, b"<html>a web server</html>")] * 2
        with pytest.raises(StoreMissing):
            call()
        server.next = []


@pytest.mark.parametrize("url", ["s3:///prefix", "s3://bucket/a?b", "s3://bucket/../other", "az:///", "gs://b/#c"])
def test_a_url_that_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="UNLEARN_STORE__URL"):
        open_store(StoreSettings(url=url), "model")


def test_a_bucket_may_be_named_in_the_host(server: OddS3) -> None:
    where = StoreSettings(url="s3://bucket/prefix", endpoint="http://s3.example:9000/base/", path_style=False)

    client, place = connect(where, "model")

    assert isinstance(client, S3Store)
    assert client.config["endpoint"] == "http://bucket.s3.example:9000/base"
    assert place.shown == "s3://bucket/prefix at http://s3.example:9000/base/"


def test_a_file_of_authorities_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    missing, wrong = tmp_path / "missing.pem", tmp_path / "wrong.pem"
    wrong.write_text("no certificate")

    for path in (missing, wrong):
        with pytest.raises(SettingsError, match="UNLEARN_STORE__SSL_CAFILE"):
            open_store(StoreSettings(url="s3://bucket", ssl_cafile=path), "model")


@pytest.mark.parametrize(
    ("url", "given", "named"),
    [
        ("az://c/p", {}, "AZURE_STORAGE_ACCOUNT_NAME: isn't set"),
        ("az://c/p", {"AZURE_STORAGE_ACCOUNT_KEY": "eA=="}, "AZURE_STORAGE_ACCOUNT_NAME: isn't set"),
        (
            "az://c/p",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "!"},
            "AZURE_STORAGE_ACCOUNT_KEY: ",
        ),
        ("az://c/p", {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_SAS_TOKEN": "%"}, "AZURE_STORAGE_SAS_TOKEN: "),
        ("gs://b/p", {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}, "GOOGLE_APPLICATION_CREDENTIALS: "),
        ("s3://b/p", {"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY: isn't set"),
        ("s3://b/p", {"AWS_SECRET_ACCESS_KEY": "a"}, "AWS_ACCESS_KEY_ID: isn't set"),
    ],
)
def test_a_login_that_is_no_login_is_told_by_its_variable(
    url: str, given: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{re.escape(named)}.*{re.escape(url)}"):
        open_store(StoreSettings(url=url), "model")
