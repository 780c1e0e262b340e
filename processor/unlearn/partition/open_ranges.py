"""Keeps a flood of possible deletions small: beyond a bound, those of one reason are kept as ranges. Pure.

Each still stays open at its own offset. A range has the earliest deadline of its members, so none is overdue too late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from unlearn.partition.offset_runs import Runs, count, joined, read_runs, runs_of, write_runs
from unlearn.partition.tables import AT_ONCE, Change, OpenRange, Tables, Unresolved

__all__ = ["gathered", "put_range", "put_ranges"]

_APART = 1000
"""How many of the newest are kept as entries of their own."""
_MOST_RUNS = 1000
"""Runs in one range at most, some 4 kB of text, which is rewritten whole whenever the range grows."""


def gathered(view: Tables) -> Change | None:
    """The change that moves the oldest entries into ranges, once there are too many; else None."""
    if len(view.unresolved) < _APART + AT_ONCE:
        return None
    by_reason: defaultdict[str, dict[int, Unresolved]] = defaultdict(dict)
    for offset in islice(_settled(view), AT_ONCE):
        held = view.unresolved[offset]
        by_reason[held.reason][offset] = held
    change = Change()
    for reason, members in by_reason.items():
        _gather(view, change, reason, members)
    return change if change.tables else None


def put_range(change: Change, like: OpenRange, runs: Runs) -> None:
    """Put into `change` a range of these offsets, with the reason and the times of `like`."""
    value = like._replace(last=runs[-1][1], total=count(runs), runs=write_runs(runs))
    change.put("open_ranges", runs[0][0], value)


def put_ranges(change: Change, like: OpenRange, runs: Runs) -> None:
    """As `put_range`, in as many ranges as hold so many runs."""
    for at in range(0, len(runs), _MOST_RUNS):
        put_range(change, like, runs[at : at + _MOST_RUNS])


def _settled(view: Tables) -> Iterator[int]:
    """Offsets of the open entries that no other table names: nothing is left to be sent for them."""
    return (
        offset
        for offset in view.unresolved
        if offset not in view.outbox and offset not in view.pending and offset not in view.open_ranges
    )


def _gather(view: Tables, change: Change, reason: str, members: dict[int, Unresolved]) -> None:
    runs = runs_of(members)
    for offset in members:
        change.drop("unresolved", offset)
    grown = _room(view, reason)
    clocks: list[Unresolved | OpenRange] = list(members.values())
    if grown is not None:
        clocks.append(view.open_ranges[grown])
        change.drop("open_ranges", grown)
        runs = joined(runs, read_runs(view.open_ranges[grown].runs))
    since = min((held.since for held in clocks if held.since), default=0)
    earliest = OpenRange(reason, min(held.deadline for held in clocks), since, 0, 0, "")
    put_ranges(change, earliest, runs)


def _room(view: Tables, reason: str) -> int | None:
    """The key of the reason's newest range, if that can take more runs; else None."""
    mine = [first for first, held in view.open_ranges.items() if held.reason == reason]
    if not mine:
        return None
    newest = view.open_ranges[max(mine)]
    return max(mine) if newest.runs.count(" ") < 2 * _MOST_RUNS - 1 else None
