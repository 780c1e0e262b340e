"""Hides labels from a learner of positive and unlabelled rows: all negative ones, and some of the positive ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from zlib import crc32

from unlearn.demo.script import Step, is_held_out
from unlearn.events.event import Insert, encode

__all__ = ["shown"]


def shown(steps: Iterable[Step], labels: Collection[str]) -> list[Step]:
    """The steps with labels left only to half of the records that have one of `labels`.

    Records that are held out keep theirs, as the truth to measure by.
    """
    return [_shown(step, labels) for step in steps]


def _shown(step: Step, labels: Collection[str]) -> Step:
    event = step.event
    if not isinstance(event, Insert) or is_held_out(event) or event.label is None:
        return step
    # The half is chosen by the record's id, but not by the hash that holds records out.
    if event.label in labels and crc32(b"shown" + event.record_id.encode()) & 1:
        return step
    bare = event.model_copy(update={"label": None})
    return Step(bare, encode(bare))
