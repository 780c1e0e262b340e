"""Times in ms since 1970 UTC, as records and tables hold them. Any integer may occur.

Where a topic isn't set to LogAppendTime, a record's timestamp is what its producer wrote: -1 for none, or by mistake
seconds or microseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from unlearn.timestamps import DAY

__all__ = ["dated", "iso", "rfc3339"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dated(timestamp: int, now: int) -> int:
    """When a record came: its timestamp; or `now`, if the timestamp isn't positive or is more than a day ahead."""
    return timestamp if 0 < timestamp <= now + DAY else now


def iso(ms: int) -> str | None:
    """The time as ISO 8601 text in UTC. None for 0, which stands for an unknown time; outside of the years 1 to 9999
    the number itself. Never raises."""
    if not ms:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="seconds")
    except OverflowError:
        return f"{ms} ms since 1970"


def rfc3339(ms: int | None) -> str | None:
    """The time as RFC 3339 text in UTC, to the millisecond. None for None, and outside of the years 1 to 9999."""
    if ms is None:
        return None
    days, left = divmod(ms, DAY)
    date, (seconds, thousandths) = _date(days), divmod(left, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return None if date is None else f"{date}T{clock}.{thousandths:03}Z"


@lru_cache(maxsize=64)
def _date(days: int) -> str | None:
    """The date so many days after 1970 began, as text: times that are told together are mostly of a few days."""
    try:
        return (_EPOCH + timedelta(days)).date().isoformat()
    except OverflowError:
        return None
