"""Steps 2-6 of the loop: a batch of records becomes memberships, holes and open rows, by one script."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from models.learner import Learner
from processor.features import members_of
from processor.log.protocol import Batch, Record
from processor.owned import Owned
from processor.parsing import Parser
from processor.plan import Frame, Lookups, Plan, Row, plan
from processor.routing import Digests, shard_of, tag_of
from processor.settings import Settings
from processor.state.memberships import lookup_reads, parse_lookups, write_holes, write_members
from processor.triage import Deletion, Insertion, Item, Triage
from processor.view import slice_start

__all__ = ["Intake", "parser_of"]


def parser_of(settings: Settings, learner: Learner) -> Parser:
    """The model's parser: an insert that its learner couldn't take is a bad insert."""
    return Parser(settings.classes, settings.features, counts=settings.learner == "naive-bayes")


class Intake:
    """Applies batches to owned partitions. Holds nothing of them itself."""

    def __init__(self, settings: Settings, learner: Learner, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._learner = learner
        self._parser = parser_of(settings, learner)
        self._digests = Digests(settings.secret_bytes)
        self._clock = clock

    def apply(self, owned: Owned, batch: Batch) -> Plan:
        """Apply what the batch holds beyond `applied`. Raises Fenced, RolledBack, StateUnavailable."""
        applied = owned.view.applied
        records = [record for record in batch.records if record.offset >= applied]
        items = self.items(owned.partition, records)
        planned = plan(items, self._look_up(owned, items), owned.view, self._frame(owned, batch))
        self._write(owned, planned, records)
        self._remember(owned, planned, records)
        return planned

    def items(self, partition: int, records: Sequence[Record]) -> list[Item]:
        """Steps 2 and 3: parse and route, one record at a time; none stops another."""
        triage = self._triage(partition)
        return triage.sort_all(records, [self._parser.parse(record.value) for record in records])

    def restore(self, owned: Owned, records: Sequence[Record]) -> None:
        """Take back the open rows from the log: those that the membership still names, or a clean-up covers."""
        items = [item for item in self.items(owned.partition, records) if isinstance(item, Insertion)]
        lookups = self._look_up(owned, items)
        shards = self._settings.shards_per_partition
        self._open(
            owned,
            [Row(i.offset, shard_of(i.who.subject or i.who.record, shards), i) for i in items if _is_row(i, lookups)],
        )

    def _look_up(self, owned: Owned, items: Sequence[Item]) -> Lookups:
        whos = [item.who for item in items if isinstance(item, Insertion | Deletion)]
        records = list({who.record: None for who in whos if who.record})
        subjects = list({who.subject: None for who in whos if who.subject})
        replies = owned.read(lookup_reads(owned.state.keys, records, subjects))
        return Lookups(*parse_lookups(records, subjects, replies))

    def _write(self, owned: Owned, planned: Plan, records: Sequence[Record]) -> None:
        keys, view, change = owned.state.keys, owned.view, planned.change
        if records:
            last = records[-1]
            change.put("meta", "fp_offset", last.offset)
            change.put("meta", "fp_epoch", last.leader_epoch)
            change.put("meta", "fp_digest", self._digests.log_record(last.key, last.value))
        ends = view.ends + planned.ends
        holes = ((kill.shard, slice_start(ends, kill.slot), kill.slot, kill.death) for kill in planned.kills)
        change.ops += write_holes(keys, holes)
        change.ops += write_members(keys, planned.records, planned.subjects)
        owned.commit(change, planned.stop)

    def _remember(self, owned: Owned, planned: Plan, records: Sequence[Record]) -> None:
        now = self._clock()
        outbox = owned.view.outbox
        owned.records.update({r.offset: r for r in records if r.offset in outbox} if outbox else {})
        self._open(owned, planned.rows)
        owned.open_rows.kill([kill.slot for kill in planned.kills])
        owned.note_kills([*planned.kills, *planned.covered], now)
        publishes = owned.partition < self._settings.partitions
        if publishes and (planned.kills or planned.counts["deletes"]) and owned.unhidden_since is None:
            owned.unhidden_since = now
        if planned.ends or owned.rows_since is None:
            owned.rows_since = now if any(held.live for held in owned.view.open.values()) else None
        owned.counters.update(planned.counts)

    def _open(self, owned: Owned, rows: Sequence[Row]) -> None:
        if rows:
            owned.open_rows.add(*members_of(rows, self._settings.classes, self._settings.features))

    def _frame(self, owned: Owned, batch: Batch) -> Frame:
        settings = self._settings
        return Frame(
            owned.view.applied,
            max(batch.stop, owned.view.applied),
            settings.shards_per_partition,
            settings.slice_span,
            settings.forget_within,
            settings.update_within,
            folds=not self._learner.forgets,
        )

    def _triage(self, partition: int) -> Triage:
        settings = self._settings
        return Triage(
            settings.model,
            partition,
            settings.partitions,
            settings.subjects,
            settings.secret_bytes,
            self._digests,
        )


def _is_row(item: Insertion, lookups: Lookups) -> bool:
    entry = lookups.records.get(item.who.record)
    pair = entry.pairs.get(tag_of(item.who.subject)) if entry else None
    return pair is not None and pair.slot == item.offset
