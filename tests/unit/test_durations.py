from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P30D", 2_592_000.0),
        ("P1W", 604_800.0),
        ("PT0.5S", 0.5),
        ("PT1H30M", 5400.0),
        ("P1DT1S", 86_401.0),
        ("0.3", 0.3),
        (" 10 ", 10.0),
        (20, 20.0),
        (0, 0.0),
    ],
)
def test_reads_iso_and_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value", ["", "P", "PT", "P1DT", "P1Y", "P1M", "10 s", "-1", "nan", "inf", "1e999", True, None, -0.5, [1]]
)
def test_refuses_everything_else(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@given(st.integers(min_value=0, max_value=10**6).map(lambda hundredths: hundredths / 100))
def test_what_is_written_reads_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
