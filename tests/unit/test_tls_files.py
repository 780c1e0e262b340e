"""Files of TLS that can't be used are told before a library opens them: it would wait, or ask a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.certificates import Authority
from unlearn.environment.tls_files import TlsFiles, TlsFilesWrong, TlsNames
from unlearn.errors import SettingsError
from unlearn.http_server.running import Tls

NAMES = TlsNames("CA", "CERT", "KEY", "PASSWORD")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


def test_files_that_fit_make_a_context(authority: Authority) -> None:
    both, locked = authority.issue("both"), authority.issue("locked", password="pass")
    apart = both.with_suffix(".crt"), both.with_suffix(".key")
    for files in (
        TlsFiles(NAMES),
        TlsFiles(NAMES, authority.file, both),
        TlsFiles(NAMES, authority.file, *apart),
        TlsFiles(NAMES, authority.file, locked, None, "pass"),
    ):
        assert files.context().check_hostname


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("ca", "certificate", "key", "password", "words"),
    [
        ("missing", None, None, None, "^CA: .*missing can't be read: No such file"),
        ("pipe", None, None, None, "^CA: .*pipe is no regular file"),
        ("one.key", None, None, None, "^CA: .*one.key holds no certificate in PEM$"),
        (None, "folder", None, None, "^CERT: .*folder is a folder"),
        (None, "one.crt", "pipe", None, "^KEY: .*pipe is no regular file"),
        (None, "one.crt", "other.key", None, "^KEY: .*other.key holds another key than"),
        (None, "one.crt", None, None, "^CERT: .* are no certificate and its key"),
        (None, "locked.pem", None, None, "^KEY: the key in .*locked.pem has a password: set PASSWORD$"),
        (None, "locked.pem", None, "guess", "^PASSWORD is not the password of the key in .*locked.pem$"),
    ],
)
def test_each_file_that_can_t_be_used_is_named(
    authority: Authority,
    tmp_path: Path,
    ca: str | None,
    certificate: str | None,
    key: str | None,
    password: str | None,
    words: str,
) -> None:
    folder = authority.issue("one").parent
    authority.issue("other")
    authority.issue("locked", password="pass")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    places = {name: tmp_path / name for name in ("pipe", "folder", "missing")}
    ca_path, certificate_path, key_path = (
        None if name is None else places.get(name, folder / name) for name in (ca, certificate, key)
    )
    with pytest.raises(TlsFilesWrong, match=words):
        TlsFiles(NAMES, ca_path, certificate_path, key_path, password).context()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("key", "words"), [("pipe", "no regular file"), ("missing", "can't be read"), ("locked.key", "has a password")]
)
def test_a_server_s_key_is_looked_at_first(authority: Authority, tmp_path: Path, key: str, words: str) -> None:
    certificate = authority.issue("locked", password="pass")
    os.mkfifo(tmp_path / "pipe")
    path = certificate.with_suffix(".key") if key == "locked.key" else tmp_path / key
    with pytest.raises(SettingsError, match=f"THE_SETTINGS: .*{words}"):
        Tls(certificate.with_suffix(".crt"), path, "THE_SETTINGS").require_usable()
