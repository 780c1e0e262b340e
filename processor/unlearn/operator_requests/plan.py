"""What carrying out operator requests changes in a partition's tables: pure decisions."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from unlearn.forwarding.dues import Letter, counter_of
from unlearn.log.protocol import Unreadable
from unlearn.operator_requests.requests import VERDICTS, Closing, closing
from unlearn.partition.offset_runs import Runs, count, parted, read_runs
from unlearn.partition.open_ranges import put_ranges
from unlearn.partition.skipped import Runs as Skips
from unlearn.partition.skipped import holds, runs_of, with_run
from unlearn.partition.tables import AT_ONCE, Change, OpenRange, Tables, Unresolved

__all__ = ["RequestPlan", "plan_requests", "steps_over"]

_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(slots=True)
class RequestPlan:
    """What carrying out requests changes. `fields` are the requests done with, `retried` the shards to train again.

    `resolved` has the offsets of possible deletions that were closed, of a range only the first; `closed` counts them
    all. `more`: some is left, since one script should not do too much. `quiet`: whether the owner is to take no more
    events, None if nothing is said of it.
    """

    fields: list[str] = field(default_factory=list)
    change: Change = field(default_factory=Change)
    retried: list[int] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)
    closed: int = 0
    more: bool = False
    quiet: bool | None = None

    @property
    def full(self) -> bool:
        """Whether it has as many dead letters as one script should write."""
        return len(self.resolved) >= AT_ONCE

    def tell(self, offset: int, letter: Letter) -> None:
        """Add the dead letter that ends the possible deletions from `offset` on, and count them."""
        self.change.put("outbox", offset, letter.due())
        self.resolved.append(offset)
        self.closed += letter.total


def steps_over(
    view: Tables, run: Unreadable, requests: Mapping[str, str], skips: Skips, forget_within: float
) -> Change | None:
    """What changes if the undecodable `run` at which the partition stands is stepped over; None if nobody asked for it.

    `skips`: runs that an earlier owner stepped over, which are stepped over again. Records there may have been
    deletions: so the run stays open as a possible deletion, with its deadline `forget_within` seconds after it was
    appended.
    """
    field = f"resolve:{run.start}"
    if run.start != view.applied or (requests.get(field) not in VERDICTS and not holds(skips, run.start)):
        return None
    reason = f"stepped over up to {run.stop}: {run.reason}"
    counter = counter_of("records that can't be decoded, stepped over", view.meta)
    change = Change()
    change.put("meta", "skipped", with_run(runs_of(view.meta), run.start, run.stop))
    change.put("meta", counter, view.number(counter) + 1)
    change.put("unresolved", run.start, Unresolved(reason, run.since + round(forget_within * 1000), run.since))
    change.put("outbox", run.start, Letter(reason).due())
    return change


def plan_requests(view: Tables, requests: Mapping[str, str]) -> RequestPlan:
    """What these requests change. Never raises: one that makes no sense, or was carried out before, is done with."""
    done = RequestPlan()
    ranges = _Ranges(view)
    for name, value in requests.items():
        kind, _, text = name.partition(":")
        number = int(text) if _NUMBER.fullmatch(text) else -1
        if kind == "retry" and number in view.crashes:
            done.change.drop("crashes", number)
            done.retried.append(number)
        if name in ("quiet", "resume") and value == view.meta.get("token", "").partition(":")[0]:
            # Asked for both, it goes on: to be quiet unawares is worse.
            done.quiet = name == "quiet" and done.quiet is not False
        if kind == "resolve" and number == view.applied and value in VERDICTS:
            # Left open: `steps_over` carries it out if it turns out that nothing can be read there.
            continue
        meant = closing(text, value) if kind == "resolve" else None
        if meant is None or _close(view, ranges, done, meant):
            done.fields.append(name)
    ranges.write(done.change)
    if done.closed:
        done.change.put("meta", "resolved", view.number("resolved") + done.closed)
    return done


class _Ranges:
    """The ranges of possible deletions as a plan leaves them: each is read and written once, however many requests
    take some out of it."""

    def __init__(self, view: Tables) -> None:
        self._left = dict(view.open_ranges)
        self._runs: dict[int, list[tuple[int, int]]] = {}
        """By the first offset, which are open in those that were read."""
        self._parted: set[int] = set()

    def meant(self, closing: Closing) -> list[tuple[int, OpenRange]]:
        """Ranges, by first offset, that may hold some that are meant."""
        held = self._left.items()
        return [(at, r) for at, r in held if at <= closing.last and r.last >= closing.first and closing.means(r.reason)]

    def total(self, first: int) -> int:
        """How many a range holds."""
        runs = self._runs.get(first)
        return self._left[first].total if runs is None else count(runs)

    def drop(self, first: int, change: Change) -> None:
        """Take out a whole range."""
        change.drop("open_ranges", first)
        del self._left[first]
        self._runs.pop(first, None)
        self._parted.discard(first)

    def take(self, first: int, closing: Closing, change: Change) -> Runs:
        """Take out some of a range, not all. Returns which they were."""
        held = self._left[first]
        runs = self._runs.get(first) or [*read_runs(held.runs)]
        start = bisect_left(runs, closing.first, key=itemgetter(1))
        stop = bisect_right(runs, closing.last, key=itemgetter(0))
        within, runs[start:stop] = parted(runs[start:stop], closing.first, closing.last)
        if within:
            self.drop(first, change)
            self._parted.add(runs[0][0])
            self._left[runs[0][0]] = held._replace(last=runs[-1][1])
            first = runs[0][0]
        self._runs[first] = runs
        return within

    def write(self, change: Change) -> None:
        """Put what is left of those that were parted into the change."""
        for first in sorted(self._parted):
            put_ranges(change, self._left[first], self._runs[first])


def _close(view: Tables, ranges: _Ranges, done: RequestPlan, closing: Closing) -> bool:
    """Close the possible deletions that are meant, as far as this plan has room. Returns whether none is left."""
    if closing.first == closing.last and closing.first in view.unresolved:
        return _close_one(view, done, closing, closing.first)
    all_closed = True
    for offset in _apart(view, closing):
        all_closed = _close_one(view, done, closing, offset) and all_closed
    for first, held in ranges.meant(closing):
        all_closed = _close_in(ranges, done, closing, first, held) and all_closed
    return all_closed


def _apart(view: Tables, closing: Closing) -> list[int]:
    """Offsets of those possible deletions that are meant and have an entry of their own."""
    held = view.unresolved.items()
    return [at for at, one in held if closing.first <= at <= closing.last and closing.means(one.reason)]


def _close_one(view: Tables, done: RequestPlan, closing: Closing, offset: int) -> bool:
    """Close the possible deletion at the offset, if it is meant. Returns whether nothing is left to do about it."""
    if offset in done.change.tables.get("unresolved", ()) or not closing.means(view.unresolved[offset].reason):
        return True
    if offset in view.outbox:
        # Its first dead letter is still to be sent, and this one must come after it.
        return False
    if done.full:
        done.more = True
        return False
    done.change.drop("unresolved", offset)
    done.tell(offset, Letter(closing.verdict))
    return True


def _close_in(ranges: _Ranges, done: RequestPlan, closing: Closing, first: int, held: OpenRange) -> bool:
    """Close those of a range that are meant; the rest is kept as ranges. Returns False if the plan is full."""
    if done.full:
        done.more = True
        return False
    if closing.first <= first and held.last <= closing.last:
        total = ranges.total(first)
        ranges.drop(first, done.change)
        done.tell(first, Letter(closing.verdict, last=held.last, total=total))
        return True
    if within := ranges.take(first, closing, done.change):
        many = count(within)
        done.tell(within[0][0], Letter(closing.verdict, last=within[-1][1] if many > 1 else None, total=many))
    return True
