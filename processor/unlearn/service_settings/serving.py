"""The settings of `unlearn serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from unlearn.setting_types import Duration, Frozen, HostNames, require_both

__all__ = ["ServingSettings"]

_MIB = 1024 * 1024


class ServingSettings(Frozen):
    """How scores are given over HTTP."""

    tokens: Path | None = Field(
        None, description="file of bearer tokens, a name and a token a line; unset: whoever reaches it may ask"
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the server's certificate and its chain; unset: no TLS"
    )
    tls_key: Path | None = Field(None, description="PEM file of the server's key; unset: no TLS")
    hosts: HostNames = Field(
        (),
        description="host names of the server, a JSON list: what needs no token is answered to these, to the host that "
        "it listens on, to localhost and to addresses, and to no other name",
    )
    body_bytes: int = Field(16 * _MIB, ge=1024, le=1024 * _MIB, description="bytes of a request's body at most")
    inputs: int = Field(10_000, ge=1, le=1_000_000, description="texts, or rows of features, of a request at most")
    connections: int = Field(
        500,
        ge=1,
        description="connections at once at most: idle ones give way; while none is, others are told to come again",
    )
    listeners: int = Field(100, ge=0, description="those who follow server-sent events at once at most")
    answer_within: Duration = Field(
        5.0,
        gt=0,
        description="seconds for a request's head to come, and for its body; and without an answer being taken",
    )

    @model_validator(mode="after")
    def _key_comes_with_certificate(self) -> Self:
        require_both(self, "tls_certificate", "tls_key")
        return self
