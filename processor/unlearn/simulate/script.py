"""What is sent to a simulated topic, in order, drawn from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from unlearn.events.event import ORIGIN, Delete, Event, Insert, Lift, Seal, encode
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Entry, Header
from unlearn.verification.reference import murmur2

__all__ = [
    "CLASSES",
    "GARBAGE",
    "HEADERS",
    "WORDS",
    "Message",
    "Script",
    "at_home",
    "busy_script",
    "script_of",
    "spread_script",
    "unruly_script",
]

CLASSES: Final = ("ham", "spam")
WORDS: Final = ("free", "money", "hello", "tea", "caf\u00e9", "lunch", "win", "now")
GARBAGE: Final = (
    b"",
    b"\xff\xfe",
    b"{",
    b"[]",
    b"null",
    b'{"type":"insert"}',
    b'{"type":"delete"}',
    b'{"type":"DELETE","event_id":"e","record_id":"r0","requested_at":"2023-01-01"}',
    b'{"type":"delete","event_id":"e","subject_id":"s0","revision":0,"requested_at":"2023-01-01"}',
    b'{"type":"delete","event_id":"e","subject_id":"s0","requested_at":"2024-01-01"}',
    b'{"type":"delete","event_id":"e","record_id":"r0","userId":"s0","requested_at":"2023-01-01"}',
    b'{"type":"insert","event_id":"e","record_id":"r0","userId":"s0","text":"free"}',
    b'{"before":{"record_id":"r0"},"after":null,"op":"d"}',
    b'{"type":"insert","event_id":"e","record_id":"r0","label":"eggs","text":"free"}',
    b'{"type":"insert","event_id":"e","record_id":"r0","text":"free","text":"tea"}',
    b'{"type":"insert","event_id":"e","record_id":"r0","revision":-1,"text":"free"}',
    b'\xef\xbb\xbf{"type":"insert","event_id":"e","record_id":"r0","text":"free"}',
    b'\0\0\0\0\1{"type":"delete","event_id":"e","record_id":"r1","requested_at":"2023-01-01"}',
    b"\0\0\0\0\1\2\4r0",
)
HEADERS: Final[tuple[Header, ...]] = (
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("content-type", b"application/json"),
    ("kopfzeile-\u00fc", b"\xff\xfe"),
    ("empty", None),
    ("op", b"c"),
    ("op", b"d"),
    ("deleted", b"false"),
    ("deleted", b"true"),
    ("ce_type", b"com.example.removed"),
)
_MODELS = ("another", "model")
_FEW, _FEW_SUBJECTS = 25, 4
_GAPS = (0, 0, 0, 0, 0, 1, 3)


@dataclass(frozen=True)
class Message:
    """What is sent to `partition`, after `gap` offsets without records."""

    partition: int
    key: bytes | None
    value: bytes | None
    gap: int = 0
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True)
class Script:
    """What is sent to the events topic, in order.

    `partitions` is the model's count, `topic_partitions` the topic's, which may be higher.
    """

    partitions: int
    topic_partitions: int
    subjects: bool
    messages: tuple[Message, ...]

    def entries(self, partition: int) -> list[Entry]:
        """The partition's messages with their offsets."""
        found: list[Entry] = []
        offset = 0
        for message in self.messages:
            if message.partition == partition:
                offset += message.gap
                found.append(Entry(partition, offset, 0, message.key, message.value, message.headers))
                offset += 1
        return found

    def end(self, partition: int) -> int:
        """The offset behind the partition's last message."""
        entries = self.entries(partition)
        return entries[-1].offset + 1 if entries else 0

    def send(self, log: MemoryLog, topic: str, start: int = 0, stop: int | None = None) -> None:
        """Send the messages [start, stop) of the script to a topic of the in-memory log."""
        for message in self.messages[start:stop]:
            if message.gap:
                log.gap(topic, message.partition, message.gap)
            log.append(topic, message.partition, message.key, message.value, message.headers)


def script_of(seed: int) -> Script:
    """The script drawn from this seed: for half of the seeds a busy one, for the others an unruly one."""
    return busy_script(seed) if random.Random(f"kind {seed}").random() < 0.5 else unruly_script(seed)


def busy_script(seed: int) -> Script:
    """Many records of few subjects, most of which live for some time. All events are on their home partitions."""
    chance = random.Random(seed)
    partitions = chance.randint(1, 2)
    events = [_event(chance, at) for at in range(chance.randint(20, 100))]
    gaps = [chance.choice(_GAPS) for _ in events]
    messages = [at_home(event, partitions, gap) for event, gap in zip(events, gaps, strict=True)]
    messages = _with_forged(seed, _with_aliases(seed, _with_lifts(seed, messages, partitions), partitions), partitions)
    return Script(partitions, partitions, True, tuple(messages))


def spread_script(seed: int) -> Script:
    """As an unruly script, of so many records that most inserts are of a new one, and longer; some of many subjects."""
    chance = random.Random(f"spread {seed}")
    partitions = chance.randint(1, 2)
    subjects = chance.choice((0, _FEW_SUBJECTS, _FEW_SUBJECTS, 150, 150))
    messages: list[Message] = []
    for at in range(chance.randint(100, 400)):
        messages.append(_unruly(chance, messages, at, partitions, partitions, subjects, records=2000))
    messages = _with_forged(seed, _with_aliases(seed, _with_lifts(seed, messages, partitions), partitions), partitions)
    return Script(partitions, partitions, subjects > 0, _with_headers(seed, messages))


def unruly_script(seed: int) -> Script:
    """Also events off their home, on partitions that the model lacks, repeated, nulls, and bytes of no event."""
    chance = random.Random(f"unruly {seed}")
    partitions = chance.randint(1, 3)
    count = partitions + chance.randint(0, 1)
    subjects = _FEW_SUBJECTS if chance.random() < 0.8 else 0
    messages: list[Message] = []
    for at in range(chance.randint(20, 100)):
        messages.append(_unruly(chance, messages, at, partitions, count, subjects))
    messages = _with_forged(seed, _with_aliases(seed, _with_lifts(seed, messages, count), count), count)
    return Script(partitions, count, subjects > 0, _with_headers(seed, messages))


def _with_lifts(seed: int, messages: list[Message], partitions: int) -> list[Message]:
    """For half of the seeds the same messages with lifts behind deletions, and with deletions of subjects so far.

    A lift stands beside its deletion, or anywhere; some are sent twice.
    """
    chance = random.Random(f"lifts {seed}")
    if chance.random() < 0.5:
        return messages
    out = [_so_far(message) if chance.random() < 0.3 else message for message in messages]
    for at in reversed(range(len(out))):
        event = _deletion(out[at])
        if event is not None and chance.random() < 0.5:
            lift = Lift(
                event_id=f"l{event.event_id}",
                record_id=event.record_id,
                subject_id=event.subject_id,
                requested_at=event.requested_at,
            )
            place = out[at].partition if chance.random() < 0.8 else chance.randrange(partitions)
            for _ in range(chance.choice((1, 1, 1, 2))):
                later = min(len(out), at + 1 + chance.choice((0, 1, 3, 10, 30)))
                out.insert(later, Message(place, out[at].key, encode(lift)))
    return out


def _deletion(message: Message) -> Delete | None:
    if not (message.value or b"").startswith(b'{"type":"delete","event_id":"d'):
        return None
    return Delete.model_validate_json(message.value or b"")


def _so_far(message: Message) -> Message:
    """The message as a deletion so far, if it deletes a whole subject."""
    event = _deletion(message)
    if event is None or event.record_id is not None:
        return message
    return replace(message, value=encode(event.model_copy(update={"scope": "so_far"})))


def _with_aliases(seed: int, messages: list[Message], partitions: int) -> list[Message]:
    """For half of the seeds the same messages with aliases on inserts, and deletions and lifts that name one.

    These stand anywhere, on any partition; some come twice.
    """
    chance = random.Random(f"aliases {seed}")
    if chance.random() < 0.5:
        return messages
    names = [f"sha256:{number}" for number in range(chance.choice((2, 6, 20)))]
    often, lifts = chance.choice((0.2, 0.6)), chance.random() < 0.5
    out = [_known_by(message, chance, names) if chance.random() < often else message for message in messages]
    for number in range(1 + len(messages) // chance.choice((10, 20, 40))):
        alias, at = chance.choice(names), chance.randrange(len(out) + 1)
        events: list[Event] = [Delete(event_id=f"a{number}", alias=alias, requested_at="2023-01-01")]
        if lifts and chance.random() < 0.5:
            events.append(Lift(event_id=f"b{number}", alias=alias, requested_at="2023-01-01"))
        for event in events:
            for _ in range(chance.choice((1, 1, 1, 2))):
                out.insert(at, Message(chance.randrange(partitions), alias.encode(), encode(event)))
                at = min(len(out), at + 1 + chance.choice((0, 1, 3, 10, 30)))
    return out


def _with_forged(seed: int, messages: list[Message], partitions: int) -> list[Message]:
    """The same messages with lifts that claim to be another model's copies, from near by or from far behind all."""
    chance = random.Random(f"forged {seed}")
    out = list(messages)
    for at in reversed(range(len(messages))):
        if (messages[at].value or b"").startswith(b'{"type":"lift"') and chance.random() < 0.5:
            offset = chance.choice((0, chance.randrange(len(messages)), 10**9))
            text = f"{chance.choice(_MODELS)}/{chance.randrange(partitions)}/{offset}/7/"
            forged = replace(messages[at], headers=((ORIGIN, text.encode() + b"0" * 32),), gap=0)
            place = chance.choice((messages[at].partition, chance.randrange(partitions)))
            out.insert(chance.randint(max(0, at - 3), len(out)), replace(forged, partition=place))
    return out


def _known_by(message: Message, chance: random.Random, names: list[str]) -> Message:
    """The message with one alias or two, if it is an insert of ours."""
    if not (message.value or b"").startswith(b'{"type":"insert","event_id":"e'):
        return message
    event = json.loads(message.value or b"") | {"aliases": chance.choices(names, k=chance.choice((1, 1, 2)))}
    return replace(message, value=json.dumps(event, separators=(",", ":")).encode())


def _with_headers(seed: int, messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages, some with headers: most of them say nothing, some say deletion."""
    chance = random.Random(f"headers {seed}")
    most = chance.choice((0.0, 0.0, 0.3, 1.0))
    return tuple(
        replace(message, headers=(*message.headers, *_headers(chance))) if chance.random() < most else message
        for message in messages
    )


def _headers(chance: random.Random) -> tuple[Header, ...]:
    says = chance.random() < 0.1
    return tuple(chance.choices(HEADERS if says else HEADERS[:4], k=chance.randint(1, 3)))


def _unruly(
    chance: random.Random,
    before: list[Message],
    at: int,
    partitions: int,
    count: int,
    subjects: int,
    records: int = _FEW,
) -> Message:
    kind, gap, anywhere = chance.randrange(20), chance.choice(_GAPS), chance.randrange(count)
    if kind == 0:
        return Message(anywhere, b"k", chance.choice((None, *GARBAGE)), gap)
    if kind < 4 and before:
        again = chance.choice(before)
        return Message(anywhere if kind == 1 else again.partition, again.key, again.value, gap)
    event = _event(chance, at, subjects or _FEW_SUBJECTS * (chance.random() < 0.1), records)
    if isinstance(event, Seal) or kind == 4:
        return Message(anywhere, _key(event), encode(event), gap)
    return at_home(event, partitions, gap)


def _event(chance: random.Random, at: int, subjects: int = _FEW_SUBJECTS, records: int = _FEW) -> Event:
    kind, record = chance.random(), f"r{chance.randrange(records)}"
    subject = chance.choice((*(f"s{number}" for number in range(subjects)), None)) if subjects else None
    if kind < 0.04:
        return Seal()
    if kind < 0.24:
        alone = subject is not None and kind < 0.09
        revision = chance.choice((None, 0))
        name, revision = (None, None) if alone else (record, revision)
        return Delete(
            event_id=f"d{at}", record_id=name, subject_id=subject, revision=revision, requested_at="2023-01-01"
        )
    return Insert(
        event_id=f"e{at}",
        record_id=record,
        subject_id=subject,
        revision=chance.choice((0, 0, 0, 1, 2)),
        label=chance.choice((*CLASSES, *CLASSES, None)),
        text=f"{chance.choice(WORDS)} {at}",
    )


def at_home(event: Event, partitions: int, gap: int) -> Message:
    """The message that says the event, sent to its home partition; `gap` places one that has no home."""
    key = _key(event)
    place = gap % partitions if key is None else (murmur2(key) & 0x7FFFFFFF) % partitions
    return Message(place, key, encode(event), gap)


def _key(event: Event) -> bytes | None:
    name = None if isinstance(event, Seal) else event.subject_id or event.record_id
    return name.encode() if name else None
