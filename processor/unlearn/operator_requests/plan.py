"""What carrying out operator requests changes in a partition's tables: pure decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearn.forwarding.dues import Letter, counter_of
from unlearn.log.protocol import Unreadable
from unlearn.operator_requests.requests import VERDICTS, Closing, closing
from unlearn.partition.offset_runs import count, parted, read_runs
from unlearn.partition.open_ranges import put_range
from unlearn.partition.skipped import Runs, holds, runs_of, with_run
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
    def touched(self) -> bool:
        """Whether possible deletions are closed by it already, so that the tables no longer show what is open."""
        return any(name in self.change.tables for name in ("unresolved", "open_ranges"))

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
    view: Tables, run: Unreadable, requests: Mapping[str, str], skips: Runs, forget_within: float
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
        if meant is None or _close(view, done, meant):
            done.fields.append(name)
    if done.closed:
        done.change.put("meta", "resolved", view.number("resolved") + done.closed)
    return done


def _close(view: Tables, done: RequestPlan, closing: Closing) -> bool:
    """Close the possible deletions that are meant, as far as this plan has room. Returns whether none is left."""
    if closing.first == closing.last and closing.first in view.unresolved:
        return _close_one(view, done, closing, closing.first)
    if done.touched:
        # Left for the next plan: only then the view shows what this one has closed already.
        done.more = True
        return False
    all_closed = True
    for offset in _apart(view, closing):
        all_closed = _close_one(view, done, closing, offset) and all_closed
    for first, held in _ranges(view, closing):
        all_closed = _close_in(view, done, closing, first, held) and all_closed
    return all_closed


def _apart(view: Tables, closing: Closing) -> list[int]:
    """Offsets of those possible deletions that are meant and have an entry of their own."""
    held = view.unresolved.items()
    return [at for at, one in held if closing.first <= at <= closing.last and closing.means(one.reason)]


def _ranges(view: Tables, closing: Closing) -> list[tuple[int, OpenRange]]:
    """Ranges of possible deletions, by first offset, that may hold some that are meant."""
    held = view.open_ranges.items()
    return [(at, r) for at, r in held if at <= closing.last and r.last >= closing.first and closing.means(r.reason)]


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


def _close_in(view: Tables, done: RequestPlan, closing: Closing, first: int, held: OpenRange) -> bool:
    """Close those of a range that are meant; the rest is kept as ranges. Returns False if the plan is full."""
    if done.full:
        done.more = True
        return False
    if closing.first <= first and held.last <= closing.last:
        done.change.drop("open_ranges", first)
        done.tell(first, Letter(closing.verdict, last=held.last, total=held.total))
        return True
    within, others = parted(read_runs(held.runs), closing.first, closing.last)
    if within:
        done.change.drop("open_ranges", first)
        put_range(done.change, held, others)
        many = count(within)
        done.tell(within[0][0], Letter(closing.verdict, last=within[-1][1] if many > 1 else None, total=many))
    return True
