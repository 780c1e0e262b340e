"""How long a deletion that is sent now would take until it is hidden: what stands before it, and how fast that goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from unlearn.admin.status.partition_status import PartitionStatus
from unlearn.client.took import Took

__all__ = ["Forecast", "Look", "forecast", "watched"]

LOOKS: Final = 6
EVERY: Final = 1.0
"""Looks, and seconds between them, in which a partition that is behind must be seen to go on."""


class Forecast(NamedTuple):
    """Seconds until it would be hidden; or None, and why nobody can say it."""

    expected_seconds: float | None
    unforeseen: str | None


class Look(NamedTuple):
    """How the partitions stood at a monotonic time, in s."""

    at: float
    partitions: Sequence[PartitionStatus]


def forecast(looks: Sequence[Look], would_apply: Collection[int], took: Took, lease: float) -> Forecast:
    """For a deletion that these partitions would apply, by one look or more, the first to the last.

    It waits for what its slowest partition still has to apply, at the pace of these looks, and then takes as long as
    deletions have taken from there. `lease`: s after which an owner that wasn't heard isn't counted on.
    """
    waits = [_wait(looks, partition, lease) for partition in sorted(would_apply)]
    unforeseen = next((wait for wait in waits if isinstance(wait, str)), None)
    if unforeseen is not None:
        return Forecast(None, unforeseen)
    if took.median is None:
        return Forecast(None, "no deletion was hidden lately")
    slowest = max((wait for wait in waits if not isinstance(wait, str)), default=0.0)
    return Forecast(round(slowest + took.median, 3), None)


def watched(
    read: Callable[[], Sequence[PartitionStatus]],
    would_apply: Collection[int],
    lease: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Look]:
    """As few looks as will tell the pace of what is behind; one where nothing is, or nobody works on it."""
    looks = [Look(clock(), read())]
    while len(looks) < LOOKS and any(_is_slow_to_tell(looks, partition, lease) for partition in would_apply):
        sleep(EVERY)
        looks.append(Look(clock(), read()))
    return looks


def _is_slow_to_tell(looks: Sequence[Look], partition: int, lease: float) -> bool:
    last = _at(looks[-1], partition)
    return last is not None and not _hindrance(last, lease) and last.lag > 0 and _pace(looks, partition) is None


def _wait(looks: Sequence[Look], partition: int, lease: float) -> float | str:
    """Seconds until the partition has applied what it holds now, or why nobody knows."""
    last = _at(looks[-1], partition)
    if last is None:
        return f"partition {partition} of the events topic is missing"
    if hindrance := _hindrance(last, lease):
        return f"partition {partition}: {hindrance}"
    if last.lag == 0:
        return 0.0
    pace = _pace(looks, partition)
    if pace is None:
        seconds = looks[-1].at - looks[0].at
        return f"partition {partition}: {last.lag:,} events are to be applied, and none was in {seconds:.0f} s"
    return last.lag / pace


def _hindrance(partition: PartitionStatus, lease: float) -> str:
    if partition.applied is None:
        return "no worker has claimed it yet"
    if partition.stopped is not None:
        return f"it is stopped: {partition.stopped}"
    if partition.quiet:
        return "it takes no events: `unlearn resume` ends that"
    return "no worker was heard lately" if partition.is_unheard(lease) else ""


def _pace(looks: Sequence[Look], partition: int) -> float | None:
    """Events applied in a second, from the first look to the last; None if none were."""
    first, last = _at(looks[0], partition), _at(looks[-1], partition)
    if first is None or last is None or first.applied is None or last.applied is None:
        # What it was claimed at in between was not applied.
        return None
    moved = last.applied - first.applied
    seconds = looks[-1].at - looks[0].at
    return moved / seconds if moved > 0 and seconds > 0 else None


def _at(look: Look, partition: int) -> PartitionStatus | None:
    return next((one for one in look.partitions if one.partition == partition), None)
