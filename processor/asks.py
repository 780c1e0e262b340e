"""What operators ask of a partition's owner, and what it changes: pure decisions (DESIGN 3 and 7).

Whoever asks owns no token, so nothing of the partition's own tables is written: the wish stands in a hash of its
own, as field -> value, until the owner obeys it by a script like any other.

    retry:SHARD       ""          train a shard in quarantine again
    resolve:OFFSET    a verdict   close a possible deletion that could not be read; where OFFSET is the place at which
                                  the partition stands because nothing can be read there, step over that
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from processor.log.protocol import Unreadable
from processor.plan import DEAD
from processor.skipped import Runs, holds, runs_of, with_run
from processor.view import Change, Unresolved, View

__all__ = ["VERDICTS", "Obeyed", "obey", "resolve", "retry", "steps_over"]

VERDICTS = {
    "sent": "resolved: a readable deletion was sent instead",
    "none": "resolved: it was no deletion",
}
"""What an operator may find of a possible deletion, and what the dead letter that ends it says."""

_NUMBER = re.compile("[0-9]{1,18}")


class Obeyed(NamedTuple):
    """The fields that are done with, what they change, and what was asked for and found: shards, offsets."""

    fields: list[str]
    change: Change
    retried: list[int]
    resolved: list[int]


def retry(shard: int) -> tuple[str, str]:
    return f"retry:{shard}", ""


def resolve(offset: int, verdict: str) -> tuple[str, str]:
    return f"resolve:{offset}", verdict


def steps_over(
    view: View, run: Unreadable, asked: Mapping[str, str], skips: Runs, forget_within: float
) -> Change | None:
    """What changes when the run at which the partition stands is stepped over; None where nobody asked for it.

    `skips`: what an earlier owner was asked to step over. What lay there may hold deletions: it stays unresolved,
    `forget_within` seconds from when it came to its deadline.
    """
    field = f"resolve:{run.start}"
    if run.start != view.applied or (asked.get(field) not in VERDICTS and not holds(skips, run.start)):
        return None
    reason = f"stepped over up to {run.stop}: {run.reason}"
    change = Change()
    change.put("meta", "skipped", with_run(runs_of(view.meta), run.start, run.stop))
    change.put("unresolved", run.start, Unresolved(reason, run.since + round(forget_within * 1000), run.since))
    change.put("outbox", run.start, [DEAD, reason])
    return change


def obey(view: View, asked: Mapping[str, str]) -> Obeyed:
    """Total: a wish that makes no sense, or that has been fulfilled, is done with."""
    done = Obeyed([], Change(), [], [])
    for field, value in asked.items():
        kind, _, text = field.partition(":")
        number = int(text) if _NUMBER.fullmatch(text) else -1
        if kind == "retry" and number in view.crashes:
            done.change.drop("crashes", number)
            done.retried.append(number)
        if kind == "resolve" and number == view.applied and value in VERDICTS:
            # Whether nothing can be read there is known once it was tried; see `steps_over`.
            continue
        if kind == "resolve" and number in view.unresolved and value in VERDICTS:
            if number in view.outbox:
                # What it is still owed comes first: its dead letter.
                continue
            done.change.drop("unresolved", number)
            done.change.put("outbox", number, [DEAD, VERDICTS[value]])
            done.resolved.append(number)
        done.fields.append(field)
    if done.resolved:
        done.change.put("meta", "resolved", view.number("resolved") + len(done.resolved))
    return done
