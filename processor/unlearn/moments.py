"""Times in ms since 1970 UTC, as records and tables hold them: any integer may stand there.

A record's timestamp is its producer's word where the topic isn't LogAppendTime: -1 where there is none, and
seconds or microseconds by mistake.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from unlearn.timestamps import DAY

__all__ = ["dated", "iso"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dated(timestamp: int, now: int) -> int:
    """When a record came: its timestamp, or now where that can't be. A day ahead is a clock that goes wrong."""
    return timestamp if 0 < timestamp <= now + DAY else now


def iso(ms: int) -> str | None:
    """Total. None for 0, which stands for an unknown time; beyond the years 1 to 9999 the number itself."""
    if not ms:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="seconds")
    except OverflowError:
        return f"{ms} ms since 1970"
