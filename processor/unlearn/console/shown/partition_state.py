"""In what state a partition is, in a word: one of which the first lines say that something is wrong is never well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from unlearn.admin.status.partition_status import PartitionStatus
from unlearn.admin.versions.standing import Standing
from unlearn.console.shown.findings import DELETION_OLD, LAG_OLD, POSSIBLE_OLD
from unlearn.console.shown.parts import State

__all__ = ["WORST_FIRST", "state_of"]

WORST_FIRST: Sequence[State] = get_args(State)


def state_of(
    held: PartitionStatus, standing: Standing | None, came: float | None, now: float, lease: float
) -> tuple[State, str]:
    """The worst that can be said of it, and why.

    standing  of its newest version; None where it has none
    came      when the next record to apply came, None where none waits; as `now` in seconds since 1970
    lease     seconds for which a heartbeat vouches
    """
    unclaimed = held.owner is None and (held.lag or not held.forwards_only)
    said: Sequence[tuple[object, State, str]] = (
        (held.stopped, "stopped", held.stopped or ""),
        (_overdue(held), "overdue", _overdue(held)),
        (unclaimed, "unclaimed", "no worker has claimed it yet"),
        (held.is_unheard(lease), "unheard", f"no heartbeat within {lease:g} s"),
        (held.quarantined, "given-up", f"shards: {', '.join(map(str, held.quarantined[:8]))}"),
        (held.quiet, "quiet", "its worker takes no events, as asked"),
        (standing not in (None, "in force"), "unserved", "its owner doesn't vouch for its newest version"),
        (held.trouble, "waits", held.trouble or ""),
        (_late(held, came, now), "late", _late(held, came, now)),
    )
    return next(((state, why) for is_so, state, why in said if is_so), ("well", ""))


def _overdue(held: PartitionStatus) -> str:
    """Which deletions are past their deadlines; empty where none is."""
    counts = ("deletions", held.deletions.overdue), ("possible deletions", held.deletions.unresolved_overdue)
    return ", ".join(f"{kind} past their deadlines: {count:,}" for kind, count in counts if count)


def _late(held: PartitionStatus, came: float | None, now: float) -> str:
    """What has waited for long; empty where nothing has."""
    waited = None if came is None else now - came
    ages = (
        ("the next record", waited, LAG_OLD),
        ("a deletion", held.deletions.oldest_pending, DELETION_OLD),
        ("a possible deletion", held.deletions.oldest_unresolved, POSSIBLE_OLD),
    )
    old = [what for what, age, most in ages if age is not None and age > most]
    return f"waiting for long: {', '.join(old)}" if old else ""
