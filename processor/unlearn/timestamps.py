"""Times as events give them: RFC 3339, or a date alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

__all__ = ["DAY", "parse_timestamp"]

DAY = 86_400_000
"""A day in ms."""

_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[Tt ]{_CLOCK}:([0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-]{_CLOCK}))?"
)
_LEAP = slice(17, 19)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@lru_cache(maxsize=4096)
def parse_timestamp(text: str) -> int | None:
    """The time in ms since 1970 UTC; a date stands for its start in UTC.

    None for text that is neither a time nor a date. Those of a batch are kept: each is asked for more than once.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    late = 0
    if match[1] == "60":
        # RFC 3339 has leap seconds, Python's datetime hasn't.
        text, late = f"{text[: _LEAP.start]}59{text[_LEAP.stop :]}", 1000
    try:
        at = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return ((at if match[1] else at.replace(tzinfo=UTC)) - _EPOCH) // _MS + late
