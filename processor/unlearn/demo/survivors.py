"""Which rows are left after all events, by the rules alone: without partitions, offsets or Redis."""

from __future__ import annotations

from collections.abc import Iterable

from unlearn.events.event import Delete, Event, Insert

__all__ = ["survivors"]

_Name = tuple[str | None, str]
_ALL = 2**53
"""A revision above all that events may have."""


def survivors(events: Iterable[Event]) -> list[Insert]:
    """The live rows after all events, in the order of their inserts. Repeated events change nothing."""
    rows: dict[_Name, Insert] = {}
    tombs: dict[_Name | str, int] = {}
    gone: set[str] = set()
    for event in events:
        if isinstance(event, Insert):
            name = event.subject_id, event.record_id
            if name not in rows or event.revision > rows[name].revision:
                # A replacing row takes its own place in the order.
                rows.pop(name, None)
                rows[name] = event
        elif isinstance(event, Delete):
            _bury(event, tombs, gone)
    return [row for name, row in rows.items() if row.revision > _tomb(name, tombs) and name[0] not in gone]


def _bury(event: Delete, tombs: dict[_Name | str, int], gone: set[str]) -> None:
    if event.record_id is None:
        assert event.subject_id is not None
        gone.add(event.subject_id)
        return
    key = event.record_id if event.subject_id is None else (event.subject_id, event.record_id)
    tombs[key] = max(tombs.get(key, -1), _ALL if event.revision is None else event.revision)


def _tomb(name: _Name, tombs: dict[_Name | str, int]) -> int:
    return max(tombs.get(name, -1), tombs.get(name[1], -1))
