"""The settings of `unlearn gateway`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from unlearn.environment.url_prefix import read_url_prefix
from unlearn.setting_types import Duration, Frozen, HostNames, TextList, require_both

__all__ = ["GatewaySettings"]

_KIB = 1024


class GatewaySettings(Frozen):
    """How requests are taken over HTTP, and how their senders are called back."""

    tokens: Path | None = Field(
        None, description="file of bearer tokens, a name and a token a line; unset: the gateway doesn't start"
    )
    domain: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9.-]{1,253}$",
        description="host name for which the certificate is issued, as answers and callbacks name it; unset: the "
        "gateway doesn't start",
    )
    url: str | None = Field(
        None,
        description="URL below which all reach the gateway, as https://erase.example/dsr behind a proxy; /discovery "
        "names the certificate below it; unset: https on its domain, with TLS on the port where it listens; on this "
        "machine, without TLS, http on that port",
    )
    hosts: HostNames = Field(
        (),
        description="further host names of the gateway, a JSON list: metrics and probes are answered to these, to its "
        "domain, the host that it listens on, localhost and addresses, and to no other name",
    )
    signing_certificate: Path | None = Field(
        None, description="PEM file of the certificate by which signatures are checked; unset: tls_certificate"
    )
    signing_key: Path | None = Field(
        None, description="PEM file of the private key, RSA or of an elliptic curve, that signs; unset: tls_key"
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the server's certificate and its chain; unset: no TLS"
    )
    tls_key: Path | None = Field(None, description="PEM file of the server's key; unset: no TLS")
    identities: TextList = Field(
        ("controller_customer_id",),
        min_length=1,
        description="the types of identities whose raw values are the model's subject ids, a JSON list",
    )
    aliases: TextList = Field(
        (),
        description="the types of identities whose hashes are aliases, FORMAT:VALUE as in sha256:9f86..., a JSON list; "
        "empty: hashes name nobody",
    )
    callbacks: TextList = Field(
        (),
        description="where callbacks may go: a JSON list of URLs, each with all below it; https, or http to this "
        "machine; empty: none are taken",
    )
    fides_url: str | None = Field(
        None,
        description="URL of the Fides server that a path in reply-to is of; it must be among callbacks; unset: none",
    )
    body_bytes: int = Field(64 * _KIB, ge=_KIB, le=_KIB * _KIB, description="bytes of a request's body at most")
    rate: float = Field(100.0, gt=0, description="requests a second of each token at most; twice as many in one second")
    connections: int = Field(
        500,
        ge=1,
        description="connections at once at most: idle ones give way; while none is, others are told to come again",
    )
    answer_within: Duration = Field(
        5.0,
        gt=0,
        description="seconds for a request's head, its body, and for Kafka, before the answer is to try again later",
    )
    callback_timeout: Duration = Field(10.0, gt=0, description="seconds to wait for the answer to a callback")
    callback_patience: Duration = Field(
        86400.0, ge=0, description="seconds from the first try of a callback to the last; then it is given up"
    )
    takeover: Duration = Field(
        15.0,
        ge=0,
        description="seconds after which a gateway makes the callbacks that another one owes and hasn't made",
    )
    remember: Duration | None = Field(
        None, gt=0, description="seconds for which a request is known, at least; unset: keep_receipts"
    )

    @field_validator("callbacks")
    @classmethod
    def _callbacks_are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            read_url_prefix(url)
        return urls

    @field_validator("fides_url", "url")
    @classmethod
    def _others_are_urls(cls, url: str | None) -> str | None:
        if url is not None:
            read_url_prefix(url)
            if "?" in url:
                raise ValueError("a URL with a query is not taken: other paths go below it")
        return url

    @model_validator(mode="after")
    def _keys_come_with_certificates(self) -> Self:
        for what in ("tls", "signing"):
            require_both(self, f"{what}_certificate", f"{what}_key")
        return self
