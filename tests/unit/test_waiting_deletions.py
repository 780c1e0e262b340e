"""A deletion is looked at when it is new, and again when the partition that it waits for has come far enough."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from unlearn.publishing.waiting_deletions import WaitingDeletions


def test_a_new_deletion_is_looked_at_until_it_is_done() -> None:
    waiting = WaitingDeletions()

    waiting.add(reversed([3, 8]))
    assert waiting.looked_at() == [3, 8]

    waiting.done(3)
    waiting.add(reversed([3, 8, 9]))
    assert waiting.looked_at() == [8, 9]


def test_one_behind_a_partition_is_looked_at_once_that_has_applied_it() -> None:
    waiting = WaitingDeletions()
    waiting.add([5])
    waiting.put_behind(1, 40, 5)

    for applied, seen in ((40, []), (41, [5])):
        waiting.wake({1: applied}.__getitem__)
        assert waiting.looked_at() == seen


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=40), st.data())
def test_nobody_is_forgotten_and_nobody_waits_without_need(moves: list[tuple[int, int]], data: st.DataObject) -> None:
    """Deletions that need three partitions, against looking at all of them each time."""
    needs = {at: data.draw(st.tuples(*[st.integers(0, 30)] * 3)) for at in range(8)}
    applied, waiting, hidden = {0: 0, 1: 0, 2: 0}, WaitingDeletions(), set[int]()
    for turn, (partition, further) in enumerate(moves):
        applied[partition] += further
        waiting.add(reversed(range(min(len(needs), turn + 1))))
        waiting.wake(applied.__getitem__)
        for at in waiting.looked_at():
            lacking = first_lacking(needs[at], applied)
            if lacking is None:
                hidden.add(at)
                waiting.done(at)
            else:
                waiting.put_behind(lacking, needs[at][lacking], at)

        there = range(min(len(needs), turn + 1))
        assert hidden == {at for at in there if first_lacking(needs[at], applied) is None}
        assert waiting.looked_at() == []


def first_lacking(needed: tuple[int, ...], applied: Mapping[int, int]) -> int | None:
    return next((partition for partition, place in enumerate(needed) if applied[partition] <= place), None)
