"""When a deletion that is sent now would be hidden: by what stands before it, and how fast that goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.harness.console import partition as well
from unlearn.admin.forecast import LOOKS, Look, forecast, watched
from unlearn.admin.preview import would_apply
from unlearn.admin.status.partition_status import PartitionStatus
from unlearn.client.took import Took
from unlearn.settings import Settings

LEASE = 20.0
QUICK, NONE = Took(3, 0.5, 2.0), Took(0, None, None)


def partition(number: int = 0, applied: int | None = 100, lag: int = 0, **more: Any) -> PartitionStatus:
    return well(number, applied=applied, lag=lag, end=(applied or 0) + lag, **more)


def looks(*partitions: Sequence[PartitionStatus]) -> list[Look]:
    """Looks two seconds apart."""
    return [Look(2.0 * number, one) for number, one in enumerate(partitions)]


def test_without_lag_it_takes_as_long_as_the_last_ones() -> None:
    assert forecast(looks([partition()]), {0}, QUICK, LEASE) == (0.5, None)


def test_it_waits_for_what_stands_before_it_in_the_slowest_of_its_partitions() -> None:
    seen = looks(
        [partition(0, 100, 1000), partition(1, 50, 500), partition(2, 0, 9999)],
        [partition(0, 200, 900), partition(1, 60, 490), partition(2, 0, 9999)],
    )

    assert forecast(seen, {0}, QUICK, LEASE) == (900 / 50 + 0.5, None)
    assert forecast(seen, {0, 1}, QUICK, LEASE) == (490 / 5 + 0.5, None)


def test_where_it_was_claimed_in_between_is_no_pace() -> None:
    seen = looks(
        [partition(0, 100, 1000), partition(1, None, 500)], [partition(0, 200, 900), partition(1, 9_000_000, 500)]
    )

    seconds, unforeseen = forecast(seen, {0, 1}, QUICK, LEASE)

    assert (seconds, unforeseen) == (None, "partition 1: 500 events are to be applied, and none was in 2 s")


@pytest.mark.parametrize(
    ("stood", "took", "why"),
    [
        ([partition(heartbeat_age=None)], QUICK, "partition 0: no worker was heard lately"),
        ([partition(heartbeat_age=21.0)], QUICK, "partition 0: no worker was heard lately"),
        ([partition(applied=None)], QUICK, "partition 0: no worker has claimed it yet"),
        ([partition(stopped="why")], QUICK, "partition 0: it is stopped: why"),
        ([partition(quiet=True)], QUICK, "partition 0: it takes no events"),
        ([partition(lag=1200)], QUICK, "partition 0: 1,200 events are to be applied, and none was in 2 s"),
        ([], QUICK, "partition 0 of the events topic is missing"),
        ([partition()], NONE, "no deletion was hidden lately"),
    ],
)
def test_where_nobody_can_say_it_that_is_said(stood: list[PartitionStatus], took: Took, why: str) -> None:
    seconds, unforeseen = forecast(looks(stood, stood), {0}, took, LEASE)

    assert seconds is None
    assert (unforeseen or "").startswith(why)


@pytest.mark.parametrize(
    ("stands", "count"),
    [
        ([partition()], 1),
        ([partition(lag=5, heartbeat_age=None)], 1),
        ([partition(), partition(1, lag=5)], 1),
        ([partition(lag=5)], LOOKS),
        ([partition(lag=9), partition(applied=104, lag=5)], 2),
        ([partition(lag=9), partition(lag=9), partition(applied=109)], 3),
    ],
)
def test_it_is_watched_only_while_that_can_tell_more(stands: list[PartitionStatus], count: int) -> None:
    waiting = list(stands) if len({one.partition for one in stands}) == 1 else []

    def read() -> list[PartitionStatus]:
        if not waiting:
            return stands
        return [waiting.pop(0)] if len(waiting) > 1 else waiting

    assert len(watched(read, {0}, LEASE, sleep=lambda _: None)) == count


def test_what_names_nobody_whose_partition_is_known_is_applied_by_all() -> None:
    settings = Settings(secret="a secret of tests", partitions=3)
    alone = settings.model_copy(update={"subjects": False})

    assert list(would_apply(settings, "r1", None)) == list(would_apply(settings, None, None)) == [0, 1, 2]
    assert would_apply(settings, "r1", "ann") == would_apply(settings, None, "ann")
    assert len(would_apply(settings, None, "ann")) == len(would_apply(alone, "r1", None)) == 1
