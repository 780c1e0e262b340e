"""Times are told as the standard library tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from unlearn.moments import rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999


@given(st.integers(FIRST, LAST))
@example(FIRST)
@example(LAST)
@example(-1)
@example(1_709_251_199_999)
def test_a_time_is_told_in_utc_to_the_millisecond(ms: int) -> None:
    told = (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")

    assert rfc3339(ms) == told.replace("+00:00", "Z")


@given(st.one_of(st.none(), st.integers(max_value=FIRST - 1), st.integers(min_value=LAST + 1)))
@example(FIRST - 1)
@example(LAST + 1)
def test_what_is_no_time_of_the_years_1_to_9999_is_not_told(ms: int | None) -> None:
    assert rfc3339(ms) is None
