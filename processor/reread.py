"""Records of the events topic that were applied before, by their offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from processor.log.protocol import Log, Record

__all__ = ["GONE", "lost_at", "records_at"]

GONE = "the log's retention took it before it was sent"

_NEAR = 5000
"""Offsets between two records that are read in one go: a read of its own costs a connection."""


def records_at(log: Log, topic: str, partition: int, offsets: Iterable[int]) -> dict[int, Record]:
    """The records at these offsets that the log still has. Raises LogUnavailable, TopicMissing."""
    wanted = set(offsets)
    return {
        record.offset: record
        for first, last in _runs(sorted(wanted))
        for record in log.read(topic, partition, first, last + 1)
        if record.offset in wanted
    }


def lost_at(log: Log, topic: str, partition: int, offsets: Iterable[int]) -> set[int]:
    """Those of the offsets that lie below the log's start. Raises LogUnavailable, TopicMissing."""
    lacking = set(offsets)
    if not lacking:
        return lacking
    start, _ = log.bounds(topic)[partition]
    return {offset for offset in lacking if offset < start}


def _runs(offsets: list[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of offsets that are near each other."""
    start = 0
    for at in range(1, len(offsets) + 1):
        if at == len(offsets) or offsets[at] - offsets[at - 1] > _NEAR:
            yield offsets[start], offsets[at - 1]
            start = at
