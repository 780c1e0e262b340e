"""Sets of offsets as runs: whatever is put together and taken apart, none is lost and none is made up."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from unlearn.partition.offset_runs import Runs, count, joined, parted, read_runs, runs_of, write_runs

offsets = st.sets(st.integers(0, 60) | st.integers(2**62 - 5, 2**62), max_size=40)


def members(runs: Runs) -> set[int]:
    found = [offset for first, last in runs for offset in range(first, last + 1)]
    assert found == sorted(set(found))
    return set(found)


@given(offsets)
def test_runs_hold_what_they_were_made_of(given: set[int]) -> None:
    runs = runs_of(given)

    assert members(runs) == given
    assert count(runs) == len(given)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(runs))


@given(offsets)
def test_text_gives_back_the_runs_it_was_written_from(given: set[int]) -> None:
    assert list(read_runs(write_runs(runs_of(given)))) == list(runs_of(given))


@given(offsets, offsets)
def test_joined_holds_what_is_in_either(one: set[int], other: set[int]) -> None:
    assert members(joined(runs_of(one), runs_of(other))) == one | other


@given(offsets, st.integers(-1, 61), st.integers(-1, 61))
def test_parted_is_what_lies_within_and_what_does_not(given: set[int], first: int, last: int) -> None:
    within, others = parted(runs_of(given), first, last)

    assert members(within) == {offset for offset in given if first <= offset <= last}
    assert members(within) | members(others) == given
    assert not members(within) & members(others)


def test_a_million_side_by_side_are_a_few_bytes() -> None:
    assert write_runs([(10**9, 10**9 + 999_999)]) == "1000000000 1000000"
