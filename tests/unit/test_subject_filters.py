"""Which slices may hold a subject's rows: none that does is ever left out, and few others are named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unlearn.partition.slices.subject_filters import SubjectFilters

ROOM = 1 << 20


def _digests(*numbers: int) -> NDArray[np.uint8]:
    """Digests (n, 16) as uniform as real ones."""
    each = [np.random.default_rng(number).integers(0, 256, 16, np.uint8) for number in numbers]
    return np.array(each, np.uint8).reshape(-1, 16)


_slices = st.dictionaries(st.integers(1, 10**9), st.lists(st.integers(0, 30), max_size=40), max_size=30)


@settings(max_examples=300, deadline=None)
@given(slices=_slices, asked=st.lists(st.integers(0, 30), max_size=5), room=st.integers(0, 4000))
def test_a_slice_that_holds_a_subject_is_never_left_out(
    slices: dict[int, list[int]], asked: list[int], room: int
) -> None:
    filters = SubjectFilters()
    for end, subjects in slices.items():
        filters.add(0, end, _digests(*subjects), room)
    wanted = {end for end, subjects in slices.items() if set(subjects) & set(asked)}
    found = filters.may_hold(0, sorted(slices), _digests(*asked).tobytes())
    assert wanted <= set(found)
    assert found == sorted(found)


def test_few_slices_are_named_that_hold_none() -> None:
    filters = SubjectFilters()
    ends = range(1000, 501_000, 1000)
    for end in ends:
        filters.add(0, end, _digests(*range(end, end + 50)), ROOM)
    named = [len(filters.may_hold(0, ends, _digests(end).tobytes())) for end in ends]
    assert min(named) >= 1
    assert sum(named) < len(ends) * 3


@pytest.mark.parametrize("shard", [0, 1])
def test_a_slice_that_nothing_is_known_of_may_hold_anything(shard: int) -> None:
    filters = SubjectFilters()
    filters.add(0, 10, _digests(1), ROOM)
    filters.add(0, 20, _digests(1), ROOM)
    filters.forget(0, 20)
    assert filters.may_hold(shard, [5, 10, 20], _digests(2).tobytes()) == ([5, 20] if shard == 0 else [5, 10, 20])


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    filters = SubjectFilters()
    for end in range(100):
        filters.add(0, end, _digests(1), 10 * 300)
    named = filters.may_hold(0, range(100), _digests(2).tobytes())
    assert 85 <= len(named) < 100
    assert named[-1] == 99


def test_what_is_remembered_of_a_slice_stays_as_it_was_first() -> None:
    filters = SubjectFilters()
    filters.add(0, 10, _digests(1, 2), ROOM)
    filters.add(0, 10, _digests(1), ROOM)
    assert filters.may_hold(0, [10], _digests(2).tobytes()) == [10]
