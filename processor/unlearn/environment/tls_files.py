"""The files of a client's TLS, looked at before a library opens them: it would ask a terminal for a key's password."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal, NamedTuple

from unlearn.environment.named_files import Unreadable, read_named_file

__all__ = ["TlsFiles", "TlsFilesWrong", "TlsNames", "fault_of", "is_encrypted"]

_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
"""OpenSSL's numbers for what is wrong with a certificate."""


class TlsFilesWrong(Exception):
    """A file can't be used. The text is a sentence that begins with the setting's name."""


class TlsNames(NamedTuple):
    """What users call the files, and the password: by the names of the settings that say them."""

    cafile: str
    certfile: str = ""
    keyfile: str = ""
    key_password: str = ""


class TlsFiles(NamedTuple):
    """Authorities that are trusted, and a client's certificate with its key, all in PEM."""

    names: TlsNames
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    key_password: str | None = None

    def context(self) -> ssl.SSLContext:
        """A client's context by these files; the system's authorities where none are named. Raises TlsFilesWrong."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cafile is None:
            context.load_default_certs()
        else:
            self._trust(context, self.cafile)
        if self.certfile is not None:
            self._show(context, self.certfile, self.keyfile or self.certfile)
        return context

    def _trust(self, context: ssl.SSLContext, cafile: Path) -> None:
        _read(self.names.cafile, cafile)
        try:
            context.load_verify_locations(cafile)
        except (OSError, ValueError):
            raise TlsFilesWrong(f"{self.names.cafile}: {cafile} holds no certificate in PEM") from None

    def _show(self, context: ssl.SSLContext, certfile: Path, keyfile: Path) -> None:
        _read(self.names.certfile, certfile)
        key = _read(self.names.keyfile, keyfile)
        if is_encrypted(key) and not self.key_password:
            raise TlsFilesWrong(
                f"{self.names.keyfile}: the key in {keyfile} has a password: set {self.names.key_password}"
            )
        try:
            context.load_cert_chain(certfile, keyfile, self.key_password or "")
        except (OSError, ValueError) as error:
            raise TlsFilesWrong(self._why(str(error), certfile, keyfile, encrypted=is_encrypted(key))) from None

    def _why(self, said: str, certfile: Path, keyfile: Path, *, encrypted: bool) -> str:
        if "KEY_VALUES_MISMATCH" in said or "mismatch" in said:
            return f"{self.names.keyfile}: {keyfile} holds another key than that of the certificate in {certfile}"
        if encrypted:
            return f"{self.names.key_password} is not the password of the key in {keyfile}"
        return f"{self.names.certfile}: {certfile} and {keyfile} are no certificate and its key in PEM"


def fault_of(error: ssl.SSLCertVerificationError) -> Literal["name", "time", "trust"]:
    """What is wrong with the other side's certificate: it is for another name, not valid now, or of nobody we trust."""
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "name"
    return "time" if error.verify_code in (_EXPIRED, _NOT_YET) else "trust"


def is_encrypted(pem: bytes) -> bool:
    """Whether a key in PEM has a password."""
    return b"ENCRYPTED" in pem


def _read(name: str, path: Path) -> bytes:
    try:
        return read_named_file(path)
    except Unreadable as error:
        raise TlsFilesWrong(f"{name}: {path} {error}") from None
