"""Streams of the generator's events of any length, with deletions among them, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any

from unlearn_study.generator.tweet_generator import Kind, deletions, tweets

__all__ = ["MIXED", "Event", "inserts", "with_deletions"]

MIXED: Mapping[Kind, float] = {"record": 0.6, "subject": 0.2, "record-only": 0.2}
"""By subject and record, of whole subjects, and of record ids alone, which are copied to every partition."""
_STREAM = 1_000_000
"""Events of one of the generator's streams: its memory grows with their number."""
_BLOCK = 10_000
_KNOWN = 5000

Event = Mapping[str, Any]


def inserts(count: int, seed: int) -> Iterator[Event]:
    """`count` inserts, of as many streams as it takes; the streams share subjects, but no record.

    Streams of seeds that are 10,000 apart share no record.
    """
    for number, start in enumerate(range(0, count, _STREAM)):
        yield from tweets(min(_STREAM, count - start), seed=10_000 * seed + number)


def with_deletions(events: Iterator[Event], share: float, seed: int) -> Iterator[Event]:
    """The inserts, and a deletion after every 1 / `share` of them, in the mix `MIXED`.

    They go by blocks: a deletion's target is drawn from a sample of all inserts of the blocks before, so the first
    block has none.
    """
    rng, known, seen = Random(seed), list[Mapping[str, str]](), 0
    for number in range(2**31):
        block = list(islice(events, _BLOCK))
        if not block:
            return
        count = round(len(block) * share) if known else 0
        gone = deletions(known, count, seed * 1_000_003 + number, MIXED)
        step = -(-len(block) // (count + 1))
        for start in range(0, len(block), step):
            yield from block[start : start + step]
            yield from islice(gone, 1)
        for event in block:
            seen += 1
            _keep(known, event, seen, rng)


def _keep(known: list[Mapping[str, str]], event: Event, seen: int, rng: Random) -> None:
    """Every event before is as likely to be kept as any other (reservoir sampling)."""
    names = {name: event[name] for name in ("subject_id", "record_id") if name in event}
    if len(known) < _KNOWN:
        known.append(names)
    elif (at := int(rng.random() * seen)) < _KNOWN:
        known[at] = names
