"""What an insert changes: it becomes its record's row, unless it was deleted before or says nothing new."""

from __future__ import annotations

from unlearn.events.partitioner import shard_of, tag_of
from unlearn.ingest.classify import Insertion
from unlearn.ingest.planning.batch import Batch
from unlearn.ingest.planning.deletions import Deletions
from unlearn.ingest.planning.planned import Row
from unlearn.partition.ledger import Kill
from unlearn.partition.receipts.pending import Pending
from unlearn.state.aliases import target_of
from unlearn.state.entries import NO_PAIR, NO_ROW, Pair, Subject

__all__ = ["Inserts"]


class Inserts:
    """Applies inserts to a batch."""

    def __init__(self, batch: Batch, deletions: Deletions) -> None:
        self._batch = batch
        self._deletions = deletions

    def insert(self, item: Insertion) -> None:
        """Apply one. It is accepted, or counted as what became of it instead."""
        batch, counts = self._batch, self._batch.plan.counts
        record, subject = item.who
        counts["inserts"] += 1
        if item.aliases and self._link(item):
            self._forget_by_alias(item)
        known, entry, tag = batch.subject(subject), batch.entry(record), tag_of(subject)
        pair = entry.pairs.get(tag, NO_PAIR)
        buried = item.revision <= max(entry.tomb, pair.tomb)
        if buried or (known is not None and known.dead):
            counts["dead_on_arrival"] += 1
            if not buried and tag not in entry.pairs:
                # Noted as if it had come before its subject's deletion, so that a look-up says that it is forgotten.
                batch.changing(record).pairs[tag] = NO_PAIR
        elif pair.slot == NO_ROW or item.revision > pair.revision or self._died_with_subject(item, pair):
            self._accept(item, tag, pair)
        elif item.revision == pair.revision and item.content != pair.content:
            counts["conflicts"] += 1
        else:
            counts["repeated"] += 1

    def _link(self, item: Insertion) -> bool:
        """Note whom the insert's aliases name, whatever becomes of it. Returns whether one of them is deleted."""
        target = target_of(*item.who)
        for alias in item.aliases:
            held = self._batch.alias(alias)
            if target not in held.targets:
                self._batch.keep_alias(alias, held._replace(targets=held.targets | {target}))
        return any(self._batch.alias(alias).dead for alias in item.aliases)

    def _forget_by_alias(self, item: Insertion) -> None:
        """Delete whom the insert is about, here, as it bears a deleted alias."""
        batch = self._batch
        before = len(batch.ledger.kills)
        covers = self._deletions.forget_target(item.offset, target_of(*item.who))
        if covers or len(batch.ledger.kills) > before:
            batch.plan.change.put("pending", item.offset, Pending(*batch.clock(item.since, None), receipt=False))

    def _accept(self, item: Insertion, tag: bytes, pair: Pair) -> None:
        batch, plan = self._batch, self._batch.plan
        record, subject = item.who
        shard = shard_of(tag or record, batch.frame.shards)
        death = self._died_with_subject(item, pair)
        if death is not None:
            # The clean-up couldn't find this row any more, since the entry names the new one.
            batch.ledger.bury(Kill(pair.slot, death, shard))
            cleanup = batch.cleanup(subject)
            assert cleanup is not None
            batch.keep_cleanup(subject, cleanup.counting({death: 1}))
        elif pair.slot != NO_ROW:
            plan.counts["updates"] += 1
            since, deadline = batch.clock(item.since, batch.frame.update_within)
            plan.change.put("pending", item.offset, Pending(since, deadline, receipt=False))
            batch.ledger.kill(Kill(pair.slot, item.offset, shard))
        batch.changing(record).pairs[tag] = Pair(item.offset, item.revision, item.content, pair.tomb)
        known = batch.subject(subject)
        if subject and (known is None or known.empty):
            batch.keep_subject(subject, Subject(False, item.offset))
        plan.rows.append(Row(item.offset, shard, item))
        batch.ledger.add(item.offset, shard)

    def _died_with_subject(self, item: Insertion, pair: Pair) -> int | None:
        """The offset of the deletion by which the pair's row died with its subject and has no hole yet; else None."""
        cleanup = None if pair.slot == NO_ROW else self._batch.cleanup(item.who.subject)
        return None if cleanup is None else cleanup.death_of(pair.slot)
