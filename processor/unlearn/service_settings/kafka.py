"""The settings of Kafka: where it is, how its connections are secured, and how a client logs in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from unlearn.environment.tls_files import TlsFiles, TlsNames
from unlearn.environment.url_prefix import read_url_prefix
from unlearn.setting_types import Duration, Frozen

__all__ = ["KafkaSettings"]

_NAMES = "UNLEARN_KAFKA__"
_TLS = TlsNames(*(f"{_NAMES}SSL_{name}" for name in ("CAFILE", "CERTFILE", "KEYFILE", "KEY_PASSWORD")))
_ID = r"^[A-Za-z0-9._-]{1,200}$"
_ON_THE_WIRE = {"AWS_MSK_IAM": "OAUTHBEARER"}
"""Amazon's brokers take their signed tokens by OAUTHBEARER, as their own library for Python sends them."""


class KafkaSettings(Frozen):
    """How to reach Kafka."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092",
        pattern=r"^[^\s,@]+:\d{1,5}(,[^\s,@]+:\d{1,5})*$",
        description="host:port of the brokers to start from, separated by commas",
    )
    group_id: str | None = Field(
        None, min_length=1, description="consumer group of the workers; unset: unlearn-<model>"
    )
    client_id: str | None = Field(
        None,
        pattern=_ID,
        description="what brokers call its clients; unset: unlearn-<model>-<command>, as in unlearn-mail-work",
    )
    group_instance_id: str | None = Field(
        None,
        pattern=_ID,
        description="name of this worker in its group, of no other one: a restart within session_timeout then moves no "
        "partition, and a worker that ends gives its partitions up only after it; unset: a member like any other",
    )
    session_timeout: Duration = Field(
        10.0, gt=0, description="seconds without a sign of life after which the group drops a worker"
    )
    request_timeout: Duration = Field(30.0, gt=0, description="seconds to wait for a broker's answer")
    batch_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        description="bytes that one batch of records may unpack to, at most; its partition stops at a larger one, "
        "and `unlearn resolve` steps over it",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how the connection is secured"
    )
    ssl_cafile: Path | None = Field(None, description="PEM file of the trusted authorities; unset: the system's")
    ssl_certfile: Path | None = Field(
        None, description="PEM file of the client's certificate, for brokers that want one; unset: none"
    )
    ssl_keyfile: Path | None = Field(None, description="PEM file of that certificate's key; unset: it is in the same")
    ssl_key_password: SecretStr | None = Field(None, description="password of that key; unset: it has none")
    sasl_mechanism: (
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI"] | None
    ) = Field(
        None,
        description="how to log in, for the SASL protocols; AWS_MSK_IAM needs the [aws] extra and is untried against "
        "Amazon's own brokers, GSSAPI needs [gssapi]; unset: no login",
    )
    sasl_username: str | None = Field(None, description="user of PLAIN and SCRAM; unset: none")
    sasl_password: SecretStr | None = Field(None, description="password of PLAIN and SCRAM; unset: none")
    sasl_token_url: str | None = Field(
        None,
        description="of OAUTHBEARER: https URL at which a token is had for sasl_client_id and sasl_client_secret; http "
        "to this machine only; unset: sasl_token_provider",
    )
    sasl_client_id: str | None = Field(None, min_length=1, description="who asks sasl_token_url; unset: none")
    sasl_client_secret: SecretStr | None = Field(None, description="the secret of sasl_client_id; unset: none")
    sasl_token_scope: str | None = Field(
        None, min_length=1, description="scope that is asked for, several with blanks between; unset: none"
    )
    sasl_token_cafile: Path | None = Field(
        None, description="PEM file of the authorities trusted at sasl_token_url; unset: the system's"
    )
    sasl_token_provider: str | None = Field(
        None,
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        description="of OAUTHBEARER: module:function of Python that gives the token, or the token and the time of its "
        "end in seconds since 1970; unset: sasl_token_url",
    )
    sasl_extensions: str | None = Field(
        None,
        pattern=r"^[A-Za-z]+=[!-+\--~]+(,[A-Za-z]+=[!-+\--~]+)*$",
        description="what a broker wants beside the token of OAUTHBEARER: NAME=VALUE, several with commas between, as "
        "in logicalCluster=lkc-1; unset: nothing",
    )
    sasl_aws_region: str | None = Field(
        None, pattern=r"^[a-z0-9-]+$", description="of AWS_MSK_IAM: the cluster's region; unset: AWS_REGION"
    )
    sasl_kerberos_service: str = Field(
        "kafka", pattern=r"^[A-Za-z0-9._-]+$", description="of GSSAPI: the service in the brokers' principal"
    )

    @field_validator("sasl_token_url")
    @classmethod
    def _token_url_is_safe(cls, url: str | None) -> str | None:
        if url is not None:
            read_url_prefix(url)
        return url

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if reason := next(self._contradictions(), None):
            raise ValueError(reason)
        return self

    def _contradictions(self) -> Iterator[str]:
        protocol, mechanism = self.security_protocol, self.sasl_mechanism
        is_set = f"is set, and {_NAMES}SECURITY_PROTOCOL is {protocol}"
        if mechanism and not protocol.startswith("SASL"):
            yield f"{_NAMES}SASL_MECHANISM {is_set}, which has no login: set SASL_SSL"
        if not protocol.endswith("SSL"):
            for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
                if getattr(self, name) is not None:
                    yield f"{_NAMES}{name.upper()} {is_set}, which encrypts nothing: set SSL or SASL_SSL"
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            yield f"{_NAMES}SSL_KEYFILE is set without {_NAMES}SSL_CERTFILE"
        if mechanism == "AWS_MSK_IAM" and protocol != "SASL_SSL":
            yield f"{_NAMES}SASL_MECHANISM=AWS_MSK_IAM needs {_NAMES}SECURITY_PROTOCOL=SASL_SSL"
        if mechanism == "OAUTHBEARER" and (self.sasl_token_url is None) == (self.sasl_token_provider is None):
            yield (
                f"{_NAMES}SASL_MECHANISM=OAUTHBEARER needs one of {_NAMES}SASL_TOKEN_URL and "
                f"{_NAMES}SASL_TOKEN_PROVIDER"
            )
        if self.sasl_token_url is not None and (self.sasl_client_id is None or self.sasl_client_secret is None):
            yield f"{_NAMES}SASL_TOKEN_URL needs {_NAMES}SASL_CLIENT_ID and {_NAMES}SASL_CLIENT_SECRET"

    @property
    def tls_files(self) -> TlsFiles:
        password = self.ssl_key_password.get_secret_value() if self.ssl_key_password else None
        return TlsFiles(_TLS, self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile, password)

    def client_options(self) -> dict[str, Any]:
        """The connection's keyword arguments for every kafka-python client; not the provider of OAUTHBEARER's
        tokens."""
        mechanism = self.sasl_mechanism or ""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "client_id": self.client_id or "unlearn",
            "request_timeout_ms": round(self.request_timeout * 1000),
            "security_protocol": self.security_protocol,
            "sasl_mechanism": _ON_THE_WIRE.get(mechanism, mechanism) or None,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password and self.sasl_password.get_secret_value(),
            "sasl_kerberos_service_name": self.sasl_kerberos_service if mechanism == "GSSAPI" else None,
        }
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            path = getattr(self, name)
            options[name] = path and str(path)
        if self.ssl_certfile is not None:
            # Without one OpenSSL would ask a terminal for the password of a key that has one.
            options["ssl_password"] = self.tls_files.key_password or ""
        return {name: value for name, value in options.items() if value is not None}
