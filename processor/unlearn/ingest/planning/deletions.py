"""What a deletion kills, and the tombstones that it leaves."""

from __future__ import annotations

from unlearn.events.partitioner import shard_of, tag_of
from unlearn.ingest.classify import Deletion
from unlearn.ingest.planning.batch import Batch
from unlearn.ingest.planning.owed import await_answer
from unlearn.partition.ledger import Kill
from unlearn.partition.receipts.pending import LATER, OpenCopy
from unlearn.state.aliases import addressed
from unlearn.state.copies import Copy
from unlearn.state.entries import ALONE, FOREVER, NO_PAIR, NO_ROW, NO_TOMB, Pair, Subject

__all__ = ["Deletions"]


class Deletions:
    """Applies deletions to a batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def delete(self, item: Deletion) -> None:
        """Apply one, and note what its sender is to be told."""
        record, subject = item.who
        self._batch.plan.counts["deletes"] += 1
        if item.alias:
            self._delete_alias(item)
        elif not record:
            later = self._delete_subject(item.offset, subject, for_good=item.effect == "forget")
            await_answer(self._batch, item, LATER if later else 0)
        else:
            self._delete_record(item)

    def forget_target(self, offset: int, target: bytes) -> bool:
        """Delete whom an alias names: a subject, or a record without one.

        Returns whether it is a subject that may have rows, which its clean-up counts.
        """
        record, subject = addressed(target)
        if subject:
            return self._delete_subject(offset, subject, for_good=True)
        self._bury_pair(offset, record, ALONE, FOREVER)
        return False

    def _delete_record(self, item: Deletion) -> None:
        record, subject = item.who
        before = len(self._batch.ledger.kills)
        tomb = FOREVER if item.revision is None else item.revision
        if subject:
            self._bury_pair(item.offset, record, tag_of(subject), tomb)
        else:
            self._bury_id(item.offset, record, tomb)
        killed = len(self._batch.ledger.kills) - before
        await_answer(self._batch, item, killed)
        if killed and item.original is not None:
            self._batch.plan.copied[Copy(item.original, item.offset)] = killed

    def _delete_alias(self, item: Deletion) -> None:
        batch, plan = self._batch, self._batch.plan
        held = batch.alias(item.alias)
        plan.counts["tombstones"] += not held.dead
        batch.keep_alias(item.alias, held._replace(dead=True))
        before = len(batch.ledger.kills)
        cleanups = sum(self.forget_target(item.offset, target) for target in sorted(held.targets))
        killed = len(batch.ledger.kills) - before
        await_answer(batch, item, killed, cleanups or None)
        if item.original is None:
            return
        if cleanups:
            plan.change.put("open_copies", item.offset, OpenCopy(*item.original, killed, cleanups))
        if killed or cleanups:
            plan.copied[Copy(item.original, item.offset)] = LATER if cleanups else killed

    def _bury_pair(self, offset: int, record: bytes, tag: bytes, tomb: int) -> None:
        entry = self._batch.changing(record)
        pair = entry.pairs.get(tag, NO_PAIR)
        self._batch.plan.counts["tombstones"] += pair.tomb == NO_TOMB
        pair = Pair(pair.slot, pair.revision, pair.content, max(pair.tomb, tomb))
        entry.pairs[tag] = self._strike(offset, record, tag, pair, pair.tomb)

    def _bury_id(self, offset: int, record: bytes, tomb: int) -> None:
        entry = self._batch.changing(record)
        self._batch.plan.counts["tombstones"] += entry.tomb == NO_TOMB
        tomb = max(entry.tomb, tomb)
        for tag, pair in entry.pairs.items():
            entry.pairs[tag] = self._strike(offset, record, tag, pair, tomb)
        self._batch.keep_entry(record, entry._replace(tomb=tomb))

    def _strike(self, offset: int, record: bytes, tag: bytes, pair: Pair, tomb: int) -> Pair:
        # A covered row died with its subject, at the tombstone's offset; its clean-up records that.
        if pair.slot == NO_ROW or pair.revision > tomb or self._batch.is_covered(tag, pair.slot):
            return pair
        self._batch.ledger.kill(Kill(pair.slot, offset, shard_of(tag or record, self._batch.frame.shards)))
        return Pair(tomb=pair.tomb)

    def _delete_subject(self, offset: int, subject: bytes, *, for_good: bool) -> bool:
        """Returns whether the subject may have rows, which its clean-up buries and counts."""
        batch, counts = self._batch, self._batch.plan.counts
        known = batch.subject(subject)
        if known is not None and known.dead:
            return False
        if known is not None or for_good:
            batch.keep_subject(subject, Subject(for_good, offset, empty=not for_good))
        counts["subjects_deleted"] += 1
        counts["tombstones"] += for_good
        if known is None or known.empty:
            return False
        batch.cover(subject, Kill(known.offset, offset, shard_of(subject, batch.frame.shards)))
        return True
