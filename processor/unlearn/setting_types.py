"""Kinds of values that several groups of settings have."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from unlearn.durations import parse_duration

__all__ = ["Duration", "Frozen", "json_list", "json_object"]

Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; reads ISO 8601 too."""


class Frozen(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


def json_list(value: object) -> object:
    """The list that a text holds; other values as they are. Raises ValueError."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('not a JSON list such as ["ham", "spam"]') from None


def json_object(value: object) -> object:
    """The object that a text holds; other values as they are. Raises ValueError."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('not a JSON object such as {"alpha": 0.5}') from None
