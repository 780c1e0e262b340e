"""Signatures: they are proved by the certificate, and a key that doesn't fit is refused at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from tests.harness.gateway import gateway_files, proves
from unlearn.errors import SettingsError
from unlearn.gateway.signing import make_signer
from unlearn.service_settings.gateway import GatewaySettings


def settings(files: dict[str, Any], **changed: Any) -> GatewaySettings:
    return GatewaySettings(**{**files, **changed})


@pytest.mark.parametrize("curve", [False, True])
def test_a_body_is_proved_and_another_is_not(tmp_path: Path, curve: bool) -> None:
    signer = make_signer(settings(gateway_files(tmp_path, curve=curve)))
    headers = signer.headers(b"a body")

    assert headers["X-OpenDSR-Processor-Domain"] == "127.0.0.1"
    assert proves(signer.certificate, headers, b"a body")
    with pytest.raises(InvalidSignature):
        proves(signer.certificate, headers, b"another body")


def test_the_keys_of_tls_sign_where_no_others_are_given(tmp_path: Path) -> None:
    files = gateway_files(tmp_path)
    tls = {"tls_certificate": files["signing_certificate"], "tls_key": files["signing_key"]}
    given = {"domain": files["domain"], **tls}

    assert make_signer(GatewaySettings(**given)).certificate == files["signing_certificate"].read_bytes()


def test_of_a_file_with_certificate_and_key_the_certificate_alone_is_given_out(tmp_path: Path) -> None:
    files = gateway_files(tmp_path)
    certificate, both = files["signing_certificate"].read_bytes(), tmp_path / "both.pem"
    both.write_bytes(files["signing_key"].read_bytes() + certificate)

    assert make_signer(settings(files, signing_certificate=both, signing_key=both)).certificate == certificate


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    files = gateway_files(tmp_path / "a")
    other, old = gateway_files(tmp_path / "b"), gateway_files(tmp_path / "c", days=-1)
    text = tmp_path / "text"
    text.write_text("no key")
    wrong = [
        ({"domain": None}, "UNLEARN_GATEWAY__DOMAIN"),
        ({"signing_key": None, "signing_certificate": None}, "UNLEARN_GATEWAY__SIGNING_KEY"),
        ({"signing_key": other["signing_key"]}, "of another key"),
        ({**old}, "is valid until"),
        ({"domain": "shop.example"}, "isn't issued for shop.example"),
        ({"signing_key": text}, "not a PEM certificate and its key"),
        ({"signing_certificate": text}, "not a PEM certificate and its key"),
        ({"signing_key": tmp_path / "none"}, "can't be read: No such file"),
    ]
    for changed, reason in wrong:
        with pytest.raises(SettingsError, match=reason):
            make_signer(settings(files, **changed))
