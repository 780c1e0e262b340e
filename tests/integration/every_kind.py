"""Inserts, and among them deletions and lifts of every kind, as right and wrong producers send them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.harness.events import delete, insert, lift, placed
from unlearn.events.event import Event

__all__ = ["KINDS", "LIFTS", "NULL", "REFUSED", "Message", "messages"]

NULL = "null"
KINDS = (
    "pair",
    "record",
    "subject",
    "subject again",
    "pair off home",
    "subject off home",
    "so far",
    "alias of one",
    "alias of several",
    "lift of a subject",
    "subject after its lift",
    "lift of an alias",
    "lift of a record",
    NULL,
    "nobody",
    "refused",
)
LIFTS = tuple(kind for kind in KINDS if kind.startswith("lift"))
REFUSED: tuple[dict[str, Any], ...] = (
    {"type": "delete", "subject_id": "s1"},
    {"type": "delete", "subject_id": "s1", "requested_at": "yesterday"},
    {"type": "delete", "subject_id": "s1", "requested_at": "9999-01-01"},
    {"type": "delete", "requested_at": "2023-01-01"},
    {"type": "delete", "subject_id": 7, "requested_at": "2023-01-01"},
    {"type": "delete", "subject_id": "s1", "revision": 1, "requested_at": "2023-01-01"},
    {"type": "delete", "subject_id": "s1", "alias": "a", "requested_at": "2023-01-01"},
    {"type": "delete", "subjectId": "s1", "record_id": "r1", "requested_at": "2023-01-01"},
    {"type": "delete", "record_id": "r1", "scope": "so_far", "requested_at": "2023-01-01"},
    {"type": "erase", "subject_id": "s1", "requested_at": "2023-01-01"},
    {"type": "lift", "subject_id": "s1"},
)
"""What can't be applied, but for its event id."""
RECORDS, PEOPLE, HOUSEHOLDS = 600, 300, 100


class Message(NamedTuple):
    """What is sent to a partition; `kind` and `event_id` are empty for an insert, and a null has no event id."""

    kind: str
    event_id: str
    partition: int
    key: bytes | None
    value: bytes | None


@dataclass
class _Made:
    """Which (record, subject) were inserted, which subjects were deleted at home, and which of them let in again."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)


def messages(seed: int, inserts: int, requests: int, partitions: int, topic_partitions: int) -> Iterator[Message]:
    """`inserts` of records by people or nobody, and so many requests spread among them, of each kind in turn.

    Those that have no home, or miss it, lie in any of `topic_partitions`. Somebody's first alias is their own, the
    second that of a household of three.
    """
    chance, made, number = random.Random(seed), _Made(), 0
    for at in range(inserts):
        yield Message("", "", *placed(_insert(chance, at, made), partitions))
        while number * inserts < at * requests:
            yield _request(chance, number, made, partitions, chance.randrange(topic_partitions))
            number += 1


def _insert(chance: random.Random, at: int, made: _Made) -> Event:
    person = chance.randrange(PEOPLE) if chance.random() < 0.9 else None
    record, revision = f"r{chance.randrange(RECORDS)}", chance.choice((0, 0, 0, 1))
    more: dict[str, Any] = {"event_id": f"e{at}", "text": f"tea {at}", "label": chance.choice(("ham", "spam"))}
    if person is None:
        return insert(record, None, revision, **more)
    made.pairs.append((record, f"s{person}"))
    if chance.random() < 0.5:
        more["aliases"] = (f"own{person}", f"household{person % HOUSEHOLDS}")
    return insert(record, f"s{person}", revision, **more)


def _request(chance: random.Random, number: int, made: _Made, partitions: int, anywhere: int) -> Message:
    kind, name = KINDS[number % len(KINDS)], f"d{number}"
    if kind == "refused":
        wrong = REFUSED[number // len(KINDS) % len(REFUSED)]
        return Message(kind, name, anywhere, b"k", json.dumps({**wrong, "event_id": name}).encode())
    record, subject = chance.choice(made.pairs)
    if kind == NULL:
        return Message(kind, "", anywhere, json.dumps({"id": record}).encode(), None)
    found = placed(_event(chance, kind, name, record, subject, made), partitions)
    homeless = kind == "record" or "alias" in kind or "off home" in kind
    return Message(kind, name, *(found._replace(partition=anywhere) if homeless else found))


def _event(chance: random.Random, kind: str, name: str, record: str, subject: str, made: _Made) -> Event:
    named = {name: value for name, value in _named(chance, kind, record, subject, made).items() if value is not None}
    return (lift if kind in LIFTS else delete)(**named, event_id=name)


def _named(chance: random.Random, kind: str, record: str, subject: str, made: _Made) -> dict[str, Any]:
    """What a request names, beside its id."""
    if "alias" in kind:
        number = int(subject[1:])
        return {"alias": f"household{number % HOUSEHOLDS}" if "several" in kind else f"own{number}"}
    if kind in ("pair", "pair off home", "lift of a record"):
        return {"record": record, "subject": subject}
    if kind == "nobody":
        return {"record": "unknown", "subject": "unknown"}
    if kind == "record":
        return {"record": record, "revision": chance.choice((None, 0))}
    whom = {"subject": _gone, "subject again": _again, "lift of a subject": _back, "subject after its lift": _then}
    chosen = whom[kind](chance, subject, made) if kind in whom else subject
    return {"subject": chosen, "scope": "so_far" if kind == "so far" else None}


def _gone(_: random.Random, subject: str, made: _Made) -> str:
    made.gone.append(subject)
    return subject


def _again(chance: random.Random, _: str, made: _Made) -> str:
    return chance.choice(made.gone or ["unknown"])


def _back(_: random.Random, subject: str, made: _Made) -> str:
    """One that was forgotten, so that the lift does something."""
    if len(made.gone) < 2:
        return subject
    back = made.gone.pop(0)
    made.gone = [one for one in made.gone if one != back]
    made.back.append(back)
    return back


def _then(_: random.Random, __: str, made: _Made) -> str:
    """One that was let in again long ago, and so has come again."""
    return made.back.pop(0) if len(made.back) > 3 else "unknown"
