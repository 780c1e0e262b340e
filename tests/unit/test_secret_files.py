"""Secrets that stand in files, as containers are given them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from unlearn.errors import SettingsError
from unlearn.settings import load_settings
from unlearn.settings_sources import fields, load, secret_paths

WORDS = "a secret of more than 16 bytes"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_every_secret_may_stand_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path, ending: str) -> None:
    given = {
        "UNLEARN_SECRET_FILE": WORDS,
        "UNLEARN_REDIS__URL_FILE": "redis://me:hunter2@r:1/0",
        "UNLEARN_KAFKA__SASL_PASSWORD_FILE": "hunter3",
        "UNLEARN_SCHEMA_REGISTRY_FILE": "https://me:hunter4@s:1",
        "UNLEARN_KAFKA__SASL_CLIENT_SECRET_FILE": "hunter5",
        "UNLEARN_KAFKA__SSL_KEY_PASSWORD_FILE": "hunter6",
        "UNLEARN_REDIS__SSL_KEY_PASSWORD_FILE": "hunter7",
    }
    for name, text in given.items():
        (tmp_path / name).write_bytes((text + ending).encode())
        environment.setenv(name, str(tmp_path / name))
    environment.setenv("UNLEARN_KAFKA__SASL_USERNAME", "me")

    found = load_settings()

    assert found.schema_registry is not None
    assert found.kafka.sasl_password == SecretStr("hunter3")
    assert found.kafka.sasl_username == "me"
    assert found.kafka.sasl_client_secret == SecretStr("hunter5")
    assert found.kafka.ssl_key_password == SecretStr("hunter6")
    assert found.redis.ssl_key_password == SecretStr("hunter7")
    secrets = (found.secret, found.redis.url, found.schema_registry)
    assert [one.get_secret_value() for one in secrets] == [
        WORDS,
        given["UNLEARN_REDIS__URL_FILE"],
        "https://me:hunter4@s:1",
    ]
    assert set(load().origins) >= {"secret", "redis.url", "kafka.sasl_password", "schema_registry"}
    assert len(given) == len(secret_paths())


def test_whatever_is_hidden_may_stand_in_a_file() -> None:
    hidden = {path for path, field in fields() if "SecretStr" in str(field.annotation)}
    assert set(secret_paths()) == hidden


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "can't be read"), (b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "no text in UTF-8")],
)
def test_a_file_that_holds_no_secret_is_told_without_what_it_holds(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    environment.setenv("UNLEARN_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(SettingsError, match=f"UNLEARN_SECRET_FILE: .*{reason}"):
        load_settings()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [("pipe", "is no regular file"), ("folder", "is a folder"), ("device", "is no regular file"), ("loop", "can't be")],
)
@pytest.mark.parametrize("variable", ["UNLEARN_SECRET_FILE", "UNLEARN_CONFIG", "UNLEARN_MAPPING"])
def test_what_is_no_regular_file_is_told_and_never_waited_for(
    environment: pytest.MonkeyPatch, tmp_path: Path, kind: str, reason: str, variable: str
) -> None:
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path = Path("/dev/tty")
    environment.setenv(variable, str(path))
    with pytest.raises(SettingsError, match=f"{path} {reason}|{path} is none of .* {reason}"):
        load_settings(demo=True)


def test_a_link_to_a_secret_is_followed(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kubernetes mounts each of them as a link to a link."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "secret").write_text(WORDS)
    (tmp_path / "secret").symlink_to(Path("..data") / "secret")
    environment.setenv("UNLEARN_SECRET_FILE", str(tmp_path / "secret"))
    assert load_settings().secret == SecretStr(WORDS)


def test_a_secret_and_a_file_of_it_are_one_too_many(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(WORDS)
    environment.setenv("UNLEARN_SECRET_FILE", str(tmp_path / "secret"))
    environment.setenv("UNLEARN_SECRET", WORDS)
    with pytest.raises(SettingsError, match="UNLEARN_SECRET and UNLEARN_SECRET_FILE are both set"):
        load_settings()


def test_only_secrets_stand_in_files(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_SECRET", WORDS)
    environment.setenv("UNLEARN_MODEL_FILE", "/etc/hostname")
    with pytest.raises(SettingsError, match="UNLEARN_MODEL_FILE: no such setting"):
        load_settings()
