"""What a lift ends: the tombstones of whom it names. Rows that died stay dead."""

from __future__ import annotations

from unlearn.events.partitioner import tag_of
from unlearn.ingest.classify import Deletion
from unlearn.ingest.planning.batch import Batch
from unlearn.ingest.planning.owed import await_answer
from unlearn.state.entries import NO_TOMB, Subject

__all__ = ["lift"]


def lift(batch: Batch, item: Deletion) -> None:
    """Apply a lift, unless it came before (`item.again`), and note what its sender is to be told."""
    await_answer(batch, item, None)
    batch.plan.counts["lifts"] += 1
    if item.again:
        return
    record, subject = item.who
    if item.alias:
        _lift_alias(batch, item.alias)
    elif not record:
        _lift_subject(batch, item.offset, subject)
    else:
        _lift_pair(batch, record, tag_of(subject))
        if not subject:
            _lift_id(batch, record)


def _lift_subject(batch: Batch, offset: int, subject: bytes) -> None:
    known = batch.subject(subject)
    if known is not None and known.dead:
        batch.keep_subject(subject, Subject(False, offset, empty=True))
        batch.plan.counts["tombstones"] -= 1


def _lift_alias(batch: Batch, alias: bytes) -> None:
    held = batch.alias(alias)
    if held.dead:
        batch.keep_alias(alias, held._replace(dead=False))
        batch.plan.counts["tombstones"] -= 1


def _lift_pair(batch: Batch, record: bytes, tag: bytes) -> None:
    """End the deletion of a subject's record, or that of a record without a subject, which an alias named."""
    pair = batch.entry(record).pairs.get(tag)
    if pair is not None and pair.tomb != NO_TOMB:
        batch.changing(record).pairs[tag] = pair._replace(tomb=NO_TOMB)
        batch.plan.counts["tombstones"] -= 1


def _lift_id(batch: Batch, record: bytes) -> None:
    if batch.entry(record).tomb != NO_TOMB:
        batch.keep_entry(record, batch.changing(record)._replace(tomb=NO_TOMB))
        batch.plan.counts["tombstones"] -= 1
