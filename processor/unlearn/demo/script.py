"""What the demo sends: inserts but for those held out, deletions among them, and one record to follow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple
from zlib import crc32

from unlearn.errors import InputInvalid
from unlearn.events.event import BadInsert, Delete, Event, Insert, Unreadable, encode
from unlearn.events.parsing import Parser
from unlearn_study.generator.tweet_generator import Kind, deletions

__all__ = ["Followed", "Script", "Step", "Stream", "make_script", "read_events"]

HELD_OUT = 10
"""One in so many record ids is held out."""
DELETED = 0.04
"""How many deletions are sent for each insert."""
_BLOCKS = 20
_FOLLOWED_FROM, _FOLLOWED_UNTIL = 0.03, 0.7
_ASKED = "2013-06-01T00:00:00Z"
"""A time that lies in the past, whatever times the input has."""
MIX: Mapping[Kind, float] = {
    "record": 0.6,
    "record-only": 0.1,
    "subject": 0.15,
    "duplicate": 0.05,
    "early": 0.05,
    "unknown": 0.05,
}


class Step(NamedTuple):
    """An event to send, and its bytes."""

    event: Event
    value: bytes


class Followed(NamedTuple):
    """Where in the script the followed record's insert and its deletion are."""

    insert: int
    delete: int


class Stream(NamedTuple):
    """Events as read; `refused` are the numbers of the lines that are no events."""

    steps: list[Step]
    classes: tuple[str, ...]
    refused: list[int]


@dataclass(frozen=True, slots=True)
class Script:
    """The steps to send, the inserts held out from them, and the record to follow, if there is a fit one."""

    steps: Sequence[Step]
    held_out: Sequence[Insert]
    followed: Followed | None


def read_events(lines: Iterable[bytes], parser: Parser, classes: tuple[str, ...] | None) -> Stream:
    """The events in JSON Lines. `classes`: the labels; None takes those found, sorted.

    Raises InputInvalid where there are fewer than two.
    """
    steps, refused = [], []
    for number, line in enumerate(lines, 1):
        value = line.strip()
        if not value:
            continue
        event = parser.parse(value)
        if isinstance(event, BadInsert | Unreadable):
            refused.append(number)
        elif isinstance(event, Event):
            steps.append(Step(event, value))
    if classes is None:
        classes = tuple(sorted({s.event.label for s in steps if isinstance(s.event, Insert) and s.event.label}))
    if len(classes) < 2:
        raise InputInvalid(f"the input has {len(classes)} labels; a classifier needs two or more")
    return Stream(steps, classes, refused)


def make_script(stream: Sequence[Step], most: int | None, seed: int) -> Script:
    """At most `most` events of the stream, with deletions of what they insert among them, and one record to follow."""
    held_out = [s.event for s in stream if isinstance(s.event, Insert) and is_held_out(s.event)]
    sent = list(islice((s for s in stream if not (isinstance(s.event, Insert) and is_held_out(s.event))), most))
    return _follow(_weave(sent, seed), held_out)


def is_held_out(insert: Insert) -> bool:
    """Whether the insert's record is held out.

    Its id decides, so all revisions and repetitions of a record fare alike.
    """
    return crc32(insert.record_id.encode()) % HELD_OUT == 0


def _weave(sent: list[Step], seed: int) -> list[Step]:
    """The steps with deletions after each block but the first, of records sent up to there."""
    woven: list[Step] = []
    names = [_names(step.event) for step in sent if isinstance(step.event, Insert)]
    size = -(-len(sent) // _BLOCKS) or 1
    done = 0
    for block, start in enumerate(range(0, len(sent), size)):
        part = sent[start : start + size]
        woven += part
        done += sum(isinstance(step.event, Insert) for step in part)
        if block:
            count = max(1, round(len(part) * DELETED * _BLOCKS / (_BLOCKS - 1)))
            later = names[done : done + size]
            woven += map(_step, deletions(names[:done], count, seed * 1000 + block, MIX, later))
    return woven


def _names(insert: Insert) -> dict[str, str]:
    names = {"record_id": insert.record_id, "subject_id": insert.subject_id}
    return {name: value for name, value in names.items() if value is not None}


def _step(deletion: Mapping[str, str]) -> Step:
    event = Delete.model_validate(dict(deletion))
    return Step(event, encode(event))


def _follow(steps: list[Step], held_out: list[Insert]) -> Script:
    """Add the deletion of an early record that nothing else deletes or repeats."""
    at = _early_record(steps)
    if at is None:
        return Script(steps, held_out, None)
    insert = steps[at].event
    assert isinstance(insert, Insert)
    place = max(at + 1, int(len(steps) * _FOLLOWED_UNTIL))
    event = Delete(
        event_id=f"followed-{place}",
        record_id=insert.record_id,
        subject_id=insert.subject_id,
        requested_at=_ASKED,
    )
    return Script([*steps[:place], Step(event, encode(event)), *steps[place:]], held_out, Followed(at, place))


def _early_record(steps: list[Step]) -> int | None:
    deletes = [step.event for step in steps if isinstance(step.event, Delete)]
    records = {event.record_id for event in deletes}
    subjects = {event.subject_id for event in deletes if event.record_id is None}
    inserts = [(i, s.event) for i, s in enumerate(steps) if isinstance(s.event, Insert)]
    seen: dict[str, int] = {}
    for _, insert in inserts:
        seen[insert.record_id] = seen.get(insert.record_id, 0) + 1
    start = int(len(steps) * _FOLLOWED_FROM)
    for i, insert in inserts:
        alone = seen[insert.record_id] == 1 and insert.record_id not in records
        if i >= start and alone and insert.label and insert.text and insert.subject_id not in subjects:
            return i
    return None
