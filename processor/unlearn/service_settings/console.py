"""The settings of `unlearn console`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from unlearn.setting_types import Duration, Frozen, HostNames, TextList, require_both

__all__ = ["ConsoleSettings"]

_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


class ConsoleSettings(Frozen):
    """How a model is shown to its operators, and who of them may ask workers for something."""

    tokens: Path | None = Field(
        None,
        description="file of bearer tokens, a name and a token a line, of those who may ask workers for something and "
        "see ids of records and subjects; unset: nobody may",
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the server's certificate and its chain; unset: no TLS"
    )
    tls_key: Path | None = Field(None, description="PEM file of the server's key; unset: no TLS")
    hosts: HostNames = Field(
        (),
        description="host names of the console, a JSON list, such as that of a proxy before it: it answers to these, "
        "to the host that it listens on, to localhost and to addresses, and to no other name",
    )
    scorers: TextList = Field(
        (),
        description="URLs of this model's `unlearn serve`, a JSON list: each is asked at /metrics which version it "
        "serves; empty: who serves which isn't known",
    )
    refresh: Duration = Field(
        1.0,
        gt=0,
        description="seconds between two looks while somebody watches; four times as long as a look, at least",
    )
    idle_refresh: Duration = Field(15.0, gt=0, description="seconds between two looks while nobody watches")
    answer_within: Duration = Field(
        5.0, gt=0, description="seconds for a request's head to come, and its body; and without an answer being taken"
    )
    journey_within: Duration = Field(
        60.0, gt=0, description="seconds for which the log is read for one event's journey, or for versions, at most"
    )
    connections: int = Field(
        500,
        ge=1,
        description="connections at once at most: idle ones give way; while none is, others are told to come again",
    )
    watchers: int = Field(100, ge=1, description="pages that are open at once at most")

    @field_validator("scorers")
    @classmethod
    def _scorers_are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if _URL.fullmatch(url) is None:
                raise ValueError("not a URL such as http://scorer:8081")
        return urls

    @model_validator(mode="after")
    def _key_comes_with_certificate(self) -> Self:
        require_both(self, "tls_certificate", "tls_key")
        return self
