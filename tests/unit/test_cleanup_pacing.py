"""A shard that was walked through a moment ago waits, so that one walk serves more clean-ups."""

from __future__ import annotations

import pytest

from unlearn.maintenance.cleanup import group_of
from unlearn.maintenance.cleanup_pacing import MOST_SUBJECTS, WalkPaces
from unlearn.partition.cleanups.open_cleanups import Cleanup, OpenCleanups
from unlearn.training.pacing import wait_after

ANN, BOB = bytes(15) + b"a", bytes(15) + b"b"


def test_the_first_walk_doesnt_wait() -> None:
    assert WalkPaces().due(0, 1, 0.0, gathers=True)


def test_the_wait_grows_with_the_cost_of_the_whole_walk_and_ends_at_its_limit() -> None:
    paces = WalkPaces()
    paces.took(0, 0.01)
    paces.ended(0, 0.015, 100.0, 3)
    assert not paces.due(0, 1, 100.0 + wait_after(0.025, 3) - 0.01, gathers=True)
    assert paces.due(0, 1, 100.0 + wait_after(0.025, 3) + 0.01, gathers=True)

    paces.ended(0, 7.0, 200.0, 3)
    assert not paces.due(0, 1, 204.9, gathers=True)
    assert paces.due(0, 1, 204.9, gathers=False)
    assert paces.due(0, 1, 205.0, gathers=True)


def test_a_walk_under_way_goes_on() -> None:
    paces = WalkPaces()
    paces.ended(0, 1.0, 100.0, 3)
    paces.took(0, 1.0)

    assert paces.due(0, 1, 100.0, gathers=True)


def test_where_so_many_wait_that_more_save_nothing_none_waits() -> None:
    paces = WalkPaces()
    paces.ended(0, 1.0, 100.0, 3)

    assert not paces.due(0, MOST_SUBJECTS - 1, 100.0, gathers=True)
    assert paces.due(0, MOST_SUBJECTS, 100.0, gathers=True)


@pytest.mark.parametrize("gathers", [True, False])
def test_a_walk_that_failed_waits_whatever_is_gathered(gathers: bool) -> None:
    paces = WalkPaces()
    paces.took(0, 0.01)
    paces.failed(0, 100.0)

    assert not paces.due(0, MOST_SUBJECTS, 104.9, gathers=gathers)
    assert paces.due(1, 1, 100.0, gathers=gathers)
    assert paces.due(0, 1, 105.0, gathers=gathers)


def test_a_shard_that_waits_holds_up_no_other() -> None:
    cleanups = OpenCleanups([(ANN.hex(), Cleanup(30, 0, 2)), (BOB.hex(), Cleanup(31, 1, 5))])

    group = group_of(cleanups, lambda shard: shard == 1)

    assert group is not None
    assert (group.shard, set(group.cleanups)) == (1, {BOB})
    assert group_of(cleanups, lambda _: False) is None
