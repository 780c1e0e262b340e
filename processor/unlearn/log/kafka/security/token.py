"""A token, and what can be read of one without knowing who signed it."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

__all__ = ["Token", "end_of"]


class Token(NamedTuple):
    """`ends`: seconds since 1970; None where nobody says."""

    text: str
    ends: float | None = None

    def __repr__(self) -> str:
        return f"Token(ends={self.ends})"


def end_of(text: str) -> float | None:
    """The `exp` of a JSON web token; None of any other token."""
    ends = _claims(text).get("exp")
    if not isinstance(ends, int | float) or isinstance(ends, bool):
        return None
    try:
        return float(ends)
    except OverflowError:
        return None


def _claims(text: str) -> dict[str, Any]:
    parts = text.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
