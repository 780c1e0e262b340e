"""An input with everything that real producers do, and what must be left of it, from the input alone."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from unlearn.verification.reference import murmur2
from unlearn_study.generator.tweet_generator import deletions, tweets

Event = Mapping[str, Any]
Pair = tuple[str | None, str]
"""A subject, or None, and a record id."""

CHUNKS = 10
NEW, CHANGED, DELETED = 1850, 150, 105
"""In each chunk: inserts of new records, inserts of known ones, deletions."""
UNREADABLE = (
    b'{"type":"delete","event_id":"d","record_id":"cut sho',
    b"\xff\xfe not UTF-8, it might say anything",
    b'{"type":"Delete","event_id":"other case"}',
    b'{"type":"delete","event_id":"names nobody","requested_at":"2023-01-01"}',
)
BAD_INSERTS = (
    b'{"type":"insert","event_id":"no record","text":"a"}',
    b'{"type":"insert","event_id":"e","record_id":"odd-label","text":"a","label":"neither"}',
)


class Message(NamedTuple):
    """What is produced: to which partition, and the bytes."""

    partition: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Stream:
    """`chunks` in the order of sending; `events` are those of them that can be read, seals left out."""

    chunks: Sequence[Sequence[Message]]
    events: Sequence[Event]

    def of_type(self, name: str) -> list[Event]:
        return [event for event in self.events if event["type"] == name]


def make_stream(seed: int, partitions: int, actual: int) -> Stream:
    """For a model of `partitions`; the topic has `actual` ones, and some producers use another partitioner."""
    rng = Random(seed)
    new = list(tweets(CHUNKS * NEW, seed))
    chunks, events = [], []
    for number in range(CHUNKS):
        found = list(_chunk(rng, new, number))
        events += found
        messages = [_placed(rng, event, partitions, actual) for event in found]
        for odd in _oddities(rng, actual):
            messages.insert(rng.randrange(len(messages)), odd)
        chunks.append(messages)
    return Stream(chunks, events)


class Forgotten:
    """Whom the deletions among the events mean. The rules commute: no order is looked at."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._subjects: set[str] = set()
        self._tombs: dict[Pair | str, float] = {}
        for event in events:
            if event["type"] == "delete":
                self._add(event.get("subject_id"), event.get("record_id"), event.get("revision", math.inf))

    def _add(self, subject: str | None, record: str | None, revision: float) -> None:
        if record is None:
            self._subjects.add(str(subject))
        else:
            name = record if subject is None else (subject, record)
            self._tombs[name] = max(self._tombs.get(name, -1), revision)

    def __contains__(self, insert: Event) -> bool:
        subject, record = insert.get("subject_id"), insert["record_id"]
        tomb = max(self._tombs.get(record, -1), self._tombs.get((subject, record), -1))
        return subject in self._subjects or insert.get("revision", 0) <= tomb


def survivors(events: Sequence[Event]) -> dict[Pair, int]:
    """Each live (subject, record) with its revision, by the input alone."""
    forgotten = Forgotten(events)
    live: dict[Pair, int] = {}
    for event in events:
        if event["type"] == "insert" and event not in forgotten:
            pair = event.get("subject_id"), event["record_id"]
            live[pair] = max(live.get(pair, -1), event.get("revision", 0))
    return live


def _chunk(rng: Random, new: Sequence[Event], number: int) -> Iterator[Event]:
    """A chunk's events: new records in order, with changes of known ones and deletions strewn in."""
    at = number * NEW
    known, later = new[: at + NEW], new[at + NEW : at + 2 * NEW]
    mine: list[Event] = [_varied(rng, event) for event in new[at : at + NEW]]
    strewn = [_changed(rng, rng.choice(known), number, i) for i in range(CHANGED)]
    strewn += [_limited(rng, event) for event in deletions(known, DELETED, seed=number, later=later)]
    for event in strewn:
        mine.insert(rng.randrange(len(mine)), event)
    yield from mine


def _varied(rng: Random, insert: Event) -> Event:
    draw = rng.random()
    if draw < 0.02:
        return {name: value for name, value in insert.items() if name != "label"}
    if draw < 0.06:
        counts = {str(rng.randrange(4096)): rng.randrange(1, 4) for _ in range(5)}
        return {**{name: value for name, value in insert.items() if name != "text"}, "features": counts}
    return insert


def _changed(rng: Random, insert: Event, chunk: int, i: int) -> Event:
    """A known record once more: repeated, a new revision, or other content under the same one."""
    draw = rng.random()
    if draw < 0.3:
        return insert
    revision = 0 if draw < 0.4 else rng.randrange(1, 4)
    return {**insert, "event_id": f"c{chunk}-{i}", "revision": revision, "text": f"changed {chunk} {i % 7}"}


def _limited(rng: Random, delete: Event) -> Event:
    """Some deletions of records mean only the revisions so far."""
    if "record_id" in delete and zlib.crc32(delete["event_id"].encode()) % 8 == 0:
        return {**delete, "revision": zlib.crc32(delete["event_id"].encode()) // 8 % 3}
    return delete


def _placed(rng: Random, event: Event, partitions: int, actual: int) -> Message:
    key = (event.get("subject_id") or event["record_id"]).encode()
    place = (murmur2(key) & 0x7FFFFFFF) % partitions if rng.random() < 0.85 else zlib.crc32(key) % actual
    return Message(place, key, json.dumps(event, ensure_ascii=False).encode())


def _oddities(rng: Random, actual: int) -> Iterator[Message]:
    for value in (*UNREADABLE, *BAD_INSERTS, None, None, b'{"type":"seal"}'):
        yield Message(rng.randrange(actual), b"some key", value)
