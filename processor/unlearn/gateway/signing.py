"""Signatures of answers and callbacks, as OpenDSR asks for them: by the key of a certificate that all can fetch."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from unlearn.environment.named_files import Unreadable, read_named_file
from unlearn.errors import SettingsError
from unlearn.service_settings.gateway import GatewaySettings

__all__ = ["Signer", "make_signer"]

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Signer:
    """Signs bodies for a domain. `certificate` is in PEM, with its chain."""

    def __init__(self, domain: str, key: _Key, certificate: bytes) -> None:
        self.domain, self.certificate = domain, certificate
        self._key = key

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers by which the body can be proved: the domain, and the signature in Base64."""
        return {"X-OpenDSR-Processor-Domain": self.domain, "X-OpenDSR-Signature": b64encode(self._sign(body)).decode()}

    def _sign(self, body: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(body, padding.PKCS1v15(), SHA256())
        return self._key.sign(body, ec.ECDSA(SHA256()))


def make_signer(settings: GatewaySettings) -> Signer:
    """The signer of the settings. Raises SettingsError where a file can't be used, or they don't fit together."""
    certificate_path = settings.signing_certificate or settings.tls_certificate
    key_path = settings.signing_key or settings.tls_key
    if settings.domain is None or certificate_path is None or key_path is None:
        raise SettingsError(
            "answers and callbacks are signed: set UNLEARN_GATEWAY__DOMAIN, UNLEARN_GATEWAY__SIGNING_CERTIFICATE and "
            "UNLEARN_GATEWAY__SIGNING_KEY (or those of TLS, which then sign too)"
        )
    pem = _read(certificate_path)
    try:
        certificates = x509.load_pem_x509_certificates(pem)
        key = load_pem_private_key(_read(key_path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError(
            f"{certificate_path} and {key_path}: not a PEM certificate and its key, without password"
        ) from None
    if not isinstance(key, _Key):
        raise SettingsError(f"{key_path}: the key is neither RSA nor of an elliptic curve")
    _require_fit(certificates[0], key, settings.domain, certificate_path)
    # All can fetch it, and the file may hold the key too.
    public = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
    return Signer(settings.domain, key, public)


def _require_fit(certificate: x509.Certificate, key: _Key, domain: str, path: Path) -> None:
    if certificate.public_key() != key.public_key():
        raise SettingsError(f"{path}: the certificate is of another key")
    if not certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc:
        raise SettingsError(
            f"{path}: the certificate is valid until {certificate.not_valid_after_utc:%Y-%m-%d}, not now"
        )
    if domain.lower() not in _domains(certificate):
        raise SettingsError(f"{path}: the certificate isn't issued for {domain}, which UNLEARN_GATEWAY__DOMAIN names")


def _domains(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return {str(one.value).lower() for one in found}
    addresses = {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    return {one.lower() for one in names.get_values_for_type(x509.DNSName)} | addresses


def _read(path: Path) -> bytes:
    try:
        return read_named_file(path)
    except Unreadable as error:
        raise SettingsError(f"{path} {error}") from None
