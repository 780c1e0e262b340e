"""Records of the events topic that were applied before, by their offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unlearn.errors import LogUnreadable
from unlearn.log.protocol import Log, Record
from unlearn.partition.skipped import Runs, gaps

__all__ = ["GONE", "SPOILT", "content_of", "lost_at", "read_but", "records_at", "runs", "unreadable_at"]

GONE = "the log's retention took it before it was sent"
SPOILT = "the log's record can't be decoded any more"

_NEAR = 5000
"""Records that are at most so many offsets apart are read in one go: each read costs a connection."""


def records_at(log: Log, topic: str, partition: int, offsets: Iterable[int]) -> dict[int, Record]:
    """The records at these offsets, by offset; those that the log has lost or that can't be decoded are missing.

    Raises LogUnavailable, TopicMissing.
    """
    wanted = set(offsets)
    found: dict[int, Record] = {}
    for first, last in runs(sorted(wanted)):
        try:
            found |= _between(log, topic, partition, first, last + 1)
        except LogUnreadable:
            for offset in range(first, last + 1):
                if offset in wanted:
                    found |= _readable(log, topic, partition, offset)
    return {offset: record for offset, record in found.items() if offset in wanted}


def read_but(log: Log, topic: str, partition: int, start: int, stop: int, skipped: Runs) -> Iterator[Record]:
    """The records of [start, stop), except the runs of offsets in `skipped`. Raises what `log.read` raises."""
    for first, last in gaps(skipped, start, stop):
        yield from log.read(topic, partition, first, last)


def lost_at(log: Log, topic: str, partition: int, offsets: Iterable[int]) -> set[int]:
    """Those of the offsets that lie below the log's start. Raises LogUnavailable, TopicMissing."""
    lacking = set(offsets)
    if not lacking:
        return lacking
    start, _ = log.bounds(topic)[partition]
    return {offset for offset in lacking if offset < start}


def unreadable_at(log: Log, topic: str, partition: int, offsets: Iterable[int]) -> set[int]:
    """Those of the offsets whose records can't be decoded. Raises LogUnavailable, TopicMissing."""
    found = set()
    for offset in offsets:
        try:
            _between(log, topic, partition, offset, offset + 1)
        except LogUnreadable:
            found.add(offset)
    return found


def _between(log: Log, topic: str, partition: int, start: int, stop: int) -> dict[int, Record]:
    return {record.offset: record for record in log.read(topic, partition, start, stop)}


def _readable(log: Log, topic: str, partition: int, offset: int) -> dict[int, Record]:
    try:
        return _between(log, topic, partition, offset, offset + 1)
    except LogUnreadable:
        return {}


def runs(offsets: list[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of each group of sorted offsets with no gap above 5,000 offsets between neighbours."""
    start = 0
    for at in range(1, len(offsets) + 1):
        if at == len(offsets) or offsets[at] - offsets[at - 1] > _NEAR:
            yield offsets[start], offsets[at - 1]
            start = at


def content_of(record: Record) -> int:
    """A hash of the record's key and value, good for comparing within this process only."""
    return hash((record.key, record.value))
