"""Reads a partition's log twice: first for which rows there are, then for what they teach.

So no text needs to be held for longer than its slice is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from unlearn.errors import LogUnreadable
from unlearn.forwarding.reread import read_but
from unlearn.log.protocol import Log, Record
from unlearn.results.manifest import Manifest
from unlearn.verification.reference import Model
from unlearn.verification.reference_fold import Folded, fold
from unlearn.verification.reference_rows import Members, members_of
from unlearn.verification.report import Progress
from unlearn.verification.subject import Subject

__all__ = ["ReadTruth", "read_truth"]

_PROGRESS_EVERY = 1000


@dataclass(frozen=True)
class ReadTruth:
    """What one partition's log must give: its rows are known, and `reread` gives its records up to a stop again."""

    model: Model
    members: Members
    reread: Callable[[int], Iterable[Record]]

    def is_end(self, offset: int) -> bool:
        return self.members.is_end(offset)

    def last_end(self, applied: int) -> int:
        return self.members.last_end(applied)

    def states(self, through: Mapping[int, int], applied: int) -> dict[int, Folded]:
        records = self.reread(max(through.values(), default=0))
        return fold(self.model, self.members, records, through, applied)


def read_truth(
    log: Log,
    subject: Subject,
    partition: int,
    stop: int,
    progress: Progress | None = None,
    manifest: Manifest | None = None,
) -> ReadTruth:
    """What the log up to `stop` must give of one partition, from the model's start on. States need one reading more.

    Runs that `manifest` says were stepped over are left out. At other records that can't be decoded the log ends,
    if they lie beyond what the manifest has applied; else LogUnreadable is raised. Asking for states raises it too, and
    so it does where the log lacks an insert by then.
    """
    start = subject.start(partition)
    skipped, applied = (manifest.skipped, manifest.applied) if manifest else ((), stop)

    def read(stop: int, what: str) -> Iterator[Record]:
        records = read_but(log, subject.events_topic, partition, start, stop, skipped)
        return _watched(records, f"partition {partition}, {what}", stop, progress)

    records = _up_to_unreadable(read(stop, "rows"), applied)
    return ReadTruth(subject.model, members_of(subject.model, partition, records), lambda stop: read(stop, "states"))


def _up_to_unreadable(records: Iterable[Record], applied: int) -> Iterator[Record]:
    try:
        yield from records
    except LogUnreadable as error:
        if error.offset < applied:
            raise


def _watched(records: Iterable[Record], what: str, stop: int, progress: Progress | None) -> Iterator[Record]:
    for record in records:
        if progress and record.offset % _PROGRESS_EVERY == 0:
            progress(what, record.offset, stop)
        yield record
    if progress:
        progress(what, stop, stop)
