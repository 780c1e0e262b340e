"""Durations as people write them: ISO 8601, or plain seconds."""

from __future__ import annotations

import math
import re

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_ISO = re.compile(rf"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.ASCII)
_SECONDS = (7 * 86400.0, 86400.0, 3600.0, 60.0, 1.0)


def parse_duration(value: object) -> float:
    """Seconds of `value`: a number of seconds, or text such as `P30D`, `PT0.5S`, `10`.

    Years and months have no fixed length, so they are refused.
    Raises ValueError for anything else, for negative and for non-finite durations.
    """
    seconds = _of_text(value) if isinstance(value, str) else _of_number(value)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("a duration is finite and not negative")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest ISO 8601 text of whole units, e.g. `P30D`, `PT10M`, `PT0.5S`."""
    for unit, symbol in ((86400.0, "P{}D"), (3600.0, "PT{}H"), (60.0, "PT{}M")):
        if seconds >= unit and seconds % unit == 0:
            return symbol.format(int(seconds // unit))
    return f"PT{seconds:g}S"


def _of_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a duration: write seconds, or ISO 8601 such as P30D or PT0.5S")
    return float(value)


def _of_text(text: str) -> float:
    text = text.strip()
    match = _ISO.fullmatch(text)
    if match and any(match.groups()) and not text.endswith("T"):
        parts = zip(match.groups(default="0"), _SECONDS, strict=True)
        return sum(float(number.replace(",", ".")) * unit for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise ValueError("not a duration: write seconds, or ISO 8601 such as P30D or PT0.5S") from None
