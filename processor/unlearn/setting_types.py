"""Kinds of values that several groups of settings have."""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

from unlearn.durations import parse_duration

__all__ = ["Duration", "Frozen", "HostNames", "TextList", "json_list", "json_object", "require_both"]

Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; reads ISO 8601 too."""


class Frozen(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


def json_list(value: object) -> object:
    """The list that a text holds; other values as they are. Raises ValueError."""
    return _json_of(value, list, 'list such as ["ham", "spam"]')


TextList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(json_list)]
"""Texts, in an environment variable as a JSON list."""

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


def _require_host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if _HOST_NAME.fullmatch(name) is None:
            raise ValueError("not a host name such as unlearn.example, without a scheme and a port")
    return names


HostNames = Annotated[TextList, AfterValidator(_require_host_names)]
"""Names of hosts, as a JSON list."""


def require_both(group: BaseModel, one: str, other: str) -> None:
    """Raises ValueError where one of the two settings is given without the other."""
    if (getattr(group, one) is None) != (getattr(group, other) is None):
        raise ValueError(f"{one} and {other} are needed both, or neither")


def json_object(value: object) -> object:
    """The object that a text holds; other values as they are. Raises ValueError."""
    return _json_of(value, dict, 'object such as {"alpha": 0.5}')


def _json_of(value: object, kind: type, what: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, kind):
        raise ValueError(f"not a JSON {what}")
    return found
