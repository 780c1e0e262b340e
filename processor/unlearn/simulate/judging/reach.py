"""What deletions reach, said without an order of events."""

from __future__ import annotations

import math
from collections.abc import Collection

from unlearn.events.event import Delete, Insert
from unlearn.simulate.replay import Owner

__all__ = ["living", "owner_of", "reach"]

Pair = tuple[str | None, str]
"""(subject, record id)."""


def owner_of(insert: Insert) -> Owner:
    """Whom the insert's aliases name."""
    return (None, insert.record_id) if insert.subject_id is None else (insert.subject_id, None)


def reach(event: Delete, name: Pair) -> float:
    """The highest revision of a record that the deletion kills by its name; -1 if it kills none."""
    subject, record = name
    if event.alias is not None:
        return -1
    if event.record_id is None:
        return math.inf if event.subject_id == subject else -1
    if event.record_id != record or event.subject_id not in (None, subject):
        return -1
    return math.inf if event.revision is None else event.revision


def living(inserts: Collection[Insert], deletes: Collection[Delete]) -> dict[Pair, int]:
    """The revision of each record that lives, in whatever order the events come."""
    top: dict[Pair, Insert] = {}
    for insert in inserts:
        name = insert.subject_id, insert.record_id
        if name not in top or insert.revision > top[name].revision:
            top[name] = insert
    aliases = {delete.alias for delete in deletes}
    gone = {owner_of(insert) for insert in inserts if aliases.intersection(insert.aliases or ())}
    return {
        name: insert.revision
        for name, insert in top.items()
        if owner_of(insert) not in gone and insert.revision > max((reach(d, name) for d in deletes), default=-1)
    }
