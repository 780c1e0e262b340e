"""What happens to a world: settings, logs of many records, and the order of things."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from processor.events import Delete, Event, Insert, Seal, encode
from processor.reference import murmur2
from tests.property.strategies import CLASSES, WORDS, Message, Script, scripts

Action = tuple[Any, ...]


@dataclass(frozen=True)
class Shape:
    """The settings that matter, small enough to meet."""

    slice_span: int
    shards: int
    checkpoints: int
    withdraw: str
    window: float
    publish_every: float
    workers: int


def shapes() -> st.SearchStrategy[Shape]:
    return st.builds(
        Shape,
        slice_span=st.integers(2, 9) | st.just(25),
        shards=st.integers(1, 2),
        checkpoints=st.integers(1, 4),
        withdraw=st.sampled_from(("auto", "always", "never")),
        window=st.sampled_from((0.0, 0.5)),
        publish_every=st.sampled_from((0.0, 0.2)),
        workers=st.integers(1, 2),
    )


def long_scripts() -> st.SearchStrategy[Script]:
    """Several scripts of one kind, one behind the other."""

    def joined(parts: list[Script]) -> Script:
        count = max(part.topic_partitions for part in parts)
        return Script(parts[0].partitions, count, parts[0].subjects, sum((p.messages for p in parts), ()))

    kinds = [scripts(), scripts(partitions=1), scripts(subjects=False)]
    return st.one_of([st.lists(kind, min_size=2, max_size=5).map(joined) for kind in kinds])


def busy_scripts() -> st.SearchStrategy[Script]:
    """Many records of few subjects, most of which live for some time; everything at home.

    Drawn by a seed: denser than what hypothesis would draw, at the price of not shrinking.
    """
    return seeds().map(busy_script)


def seeds() -> st.SearchStrategy[int]:
    """Of a generator, not of hypothesis' own choices, which come back to the same few numbers."""
    return st.randoms(use_true_random=True).map(lambda chance: chance.getrandbits(63))


def busy_script(seed: int) -> Script:
    chance = random.Random(seed)
    partitions = chance.randint(1, 2)
    events = [_event(chance, at) for at in range(chance.randint(20, 100))]
    gaps = [chance.choice((0, 0, 0, 0, 0, 1, 3)) for _ in events]
    return Script(
        partitions, partitions, True, tuple(_message(e, partitions, gap) for e, gap in zip(events, gaps, strict=True))
    )


def _event(chance: random.Random, at: int) -> Event:
    kind, record = chance.random(), f"r{chance.randrange(25)}"
    subject = chance.choice(("s0", "s1", "s2", "s3", None))
    if kind < 0.04:
        return Seal()
    if kind < 0.24:
        alone = subject is not None and kind < 0.09
        revision = chance.choice((None, 0))
        name = None if alone else record
        return Delete(event_id=f"d{at}", record_id=name, subject_id=subject, revision=revision, requested_at="t")
    return Insert(
        event_id=f"e{at}",
        record_id=record,
        subject_id=subject,
        revision=chance.choice((0, 0, 0, 1, 2)),
        label=chance.choice((*CLASSES, *CLASSES, None)),
        text=f"{chance.choice(WORDS)} {at}",
    )


def _message(event: Event, partitions: int, gap: int) -> Message:
    name = None if isinstance(event, Seal) else event.subject_id or event.record_id
    if name is None:
        return Message(gap % partitions, None, encode(event), gap)
    return Message((murmur2(name.encode()) & 0x7FFFFFFF) % partitions, name.encode(), encode(event), gap)


def histories() -> st.SearchStrategy[list[Action]]:
    """What happens to a world, drawn by a seed, for the same reason."""
    return seeds().map(_history)


def _history(seed: int) -> list[Action]:
    chance = random.Random(f"history {seed}")
    calm = chance.random() < 0.4
    return [_action(chance, calm) for _ in range(chance.randint(0, 150))]


def _action(chance: random.Random, calm: bool) -> Action:
    who = chance.randrange(2)
    coin = chance.random() < 0.5
    usual: list[Action] = [("feed", chance.randint(1, 8)), ("turn", who, chance.choice((1, 2, 5, 50)))]
    rare: list[Action] = [
        ("work", who),
        ("work", who),
        ("wait", chance.choice((0.1, 0.6, 2.5, 6.0))),
        ("wait", 0.6),
        ("set_late", coin, chance.random() < 0.5),
        ("sweep", chance.random() < 0.5),
        ("collect",),
    ]
    wild: list[Action] = [
        ("fuse", chance.randint(0, 25), coin, chance.choice((0, 0, 0, 1, 8))),
        ("fuse", chance.randint(0, 12), coin, 0),
        ("crash", who),
        ("zombie", who),
        ("haunt", chance.randint(1, 3)),
        ("rebalance",),
    ]
    return chance.choice(usual if chance.random() < 0.7 else rare if calm else rare + wild)
