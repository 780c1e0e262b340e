"""The settings of Redis: where it is, how it is logged in to, and its TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from unlearn.environment.redis_url import RedisAddress, read_redis_url
from unlearn.environment.tls_files import TlsFiles, TlsNames
from unlearn.setting_types import Frozen

__all__ = ["RedisSettings"]

_NAMES = "UNLEARN_REDIS__"
_IN_THE_URL = {"ssl_cafile": "ssl_ca_certs", "ssl_certfile": "ssl_certfile", "ssl_keyfile": "ssl_keyfile"}
"""Setting -> the option that says the same behind the URL's question mark."""


class RedisSettings(Frozen):
    """How to reach Redis."""

    url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="redis://[user:password@]host:port/database, rediss:// for TLS, unix:///path for a socket",
    )
    ssl_cafile: Path | None = Field(
        None, description="PEM file of the authorities trusted for rediss://; unset: the system's"
    )
    ssl_certfile: Path | None = Field(
        None, description="PEM file of the client's certificate, for a Redis that wants one; unset: none"
    )
    ssl_keyfile: Path | None = Field(None, description="PEM file of that certificate's key; unset: it is in the same")
    ssl_key_password: SecretStr | None = Field(None, description="password of that key; unset: it has none")
    client_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="what Redis calls its connections, as CLIENT LIST shows; unset: unlearn-<model>-<command>",
    )
    unchecked: bool = Field(
        False,
        description="true: use a Redis that tells neither by INFO nor by CONFIG whether it is a master and never "
        "evicts; whoever runs it answers for both",
    )

    @field_validator("url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        read_redis_url(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _tls_is_asked_for(self) -> Self:
        for name, option in _IN_THE_URL.items():
            if getattr(self, name) is None:
                continue
            if not self.address.tls:
                raise ValueError(f"{_NAMES}{name.upper()} is set, and {_NAMES}URL isn't rediss://")
            if option in self.address.options:
                raise ValueError(f"{_NAMES}{name.upper()} and {option} in {_NAMES}URL say the same: give one of them")
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError(f"{_NAMES}SSL_KEYFILE is set without {_NAMES}SSL_CERTFILE")
        return self

    @property
    def address(self) -> RedisAddress:
        return read_redis_url(self.url.get_secret_value())

    @property
    def tls_files(self) -> TlsFiles:
        """Those that settings name, or else options of the URL."""
        options = self.address.options
        (ca, ca_name), (certificate, its_name), (key, key_name) = (
            (Path(options[option]), f"{option} in {_NAMES}URL")
            if getattr(self, name) is None and option in options
            else (getattr(self, name), _NAMES + name.upper())
            for name, option in _IN_THE_URL.items()
        )
        password = self.ssl_key_password.get_secret_value() if self.ssl_key_password else options.get("ssl_password")
        names = TlsNames(ca_name, its_name, key_name, f"{_NAMES}SSL_KEY_PASSWORD")
        return TlsFiles(names, ca, certificate, key, password)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments of `redis.Redis`."""
        options = self.address.client_options()
        if self.client_name is not None:
            options.setdefault("client_name", self.client_name)
        if not self.address.tls:
            return options
        files = self.tls_files
        tls = {"ssl_ca_certs": files.cafile, "ssl_certfile": files.certfile, "ssl_keyfile": files.keyfile}
        options |= {name: str(path) for name, path in tls.items() if path is not None}
        if files.key_password:
            options["ssl_password"] = files.key_password
        return options

    def shown_url(self) -> str:
        """Host and port, or the socket: all of it that is ever shown."""
        return str(self.address)
