"""Steps 2-6 of the loop: a batch of records becomes memberships, holes and open rows, by one script."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.events.features import rows_of
from unlearn.events.mapped.tally import Tally
from unlearn.events.mapped.watching import MappingWatch
from unlearn.events.partitioner import Digests, digests_of, shard_of, tag_of
from unlearn.ingest.aliases import aliases_of, deleted_by
from unlearn.ingest.arrivals import arrivals_of, fresh
from unlearn.ingest.classify import Addressed, Deletion, Insertion, Item, Sending
from unlearn.ingest.entered_subjects import EnteredSubjects
from unlearn.ingest.fingerprints import note_fingerprint
from unlearn.ingest.known_ids import KnownIds
from unlearn.ingest.new_rows import NO_ROWS, NewRows
from unlearn.ingest.planning.plan import plan
from unlearn.ingest.planning.planned import Frame, Lookups, Plan, Row
from unlearn.ingest.read_columns import ColumnReader, Reading
from unlearn.ingest.read_items import ItemReader
from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.protocol import Batch, Log, Record
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.receipts.copy_kills import note_copy_kills
from unlearn.partition.rows import NO_SUBJECT, Members
from unlearn.partition.tables import AT_ONCE, Change, Tables, slice_start
from unlearn.settings import Settings
from unlearn.state.alias_lookups import write_aliases
from unlearn.state.aliases import Alias
from unlearn.state.arrivals import arrived, write_arrivals
from unlearn.state.entries import FOREVER
from unlearn.state.lookups import MOST_PAIRS, Asked, asked_of, read_members, write_holes, write_members
from unlearn_models.base.learner import Learner

__all__ = ["Intake", "members_of"]


class Intake:
    """Applies batches of the events topic's records to owned partitions, and keeps no state of a partition itself."""

    def __init__(
        self,
        settings: Settings,
        learner: Learner,
        log: Log,
        clock: Clock = MACHINE_CLOCK,
        most_pairs: int = MOST_PAIRS,
    ) -> None:
        self._settings = settings
        self._learner = learner
        self._digests = Digests(settings.secret_bytes)
        self._items = ItemReader(settings, learner, log)
        self._columns = ColumnReader(settings, learner, self._items) if settings.reads_columns else None
        self._watch = MappingWatch() if settings.reading.mapping.forms else None
        self._clock = clock
        self._most_pairs = most_pairs

    def apply(self, owned: ClaimedPartition, batch: Batch) -> None:
        """Apply the batch's records from the partition's `applied` on. Raises Fenced, RolledBack, StateUnavailable."""
        records = _from(owned.view.applied, batch.records)
        if self._columns is not None and not isinstance(records, RecordColumns):
            records = columns_of(owned.partition, records)
        for at in range(0, len(records) or 1, AT_ONCE):
            behind = records[at + AT_ONCE : at + AT_ONCE + 1]
            self._apply(owned, records[at : at + AT_ONCE], behind[0].offset if behind else batch.stop)

    def _apply(self, owned: ClaimedPartition, records: Sequence[Record], stop: int) -> None:
        """Apply some records, up to the offset `stop`: look up whom they name, plan, write, and remember the result."""
        read = self._read(owned, records)
        once = fresh(read.items, arrived(owned.read, arrivals_of(read.items)))
        read = read._replace(items=once.items, tally={**read.tally, "arrived_before": once.repeated})
        lookups = self._look_up(owned, read.items, read.aliases)
        planned = plan(read.items, lookups, owned.view, self._frame(owned, stop), read.rows.columns, read.tally)
        planned.change.ops += write_arrivals(once.arrivals)
        planned.change.ops += read.dead_on_arrival.entries()
        self._write(owned, planned, lookups, records[-1] if records else None, read.rows)
        self._remember(owned, planned, read)
        if self._watch is not None:
            self._watch.read(owned.partition, len(records), read.tally, planned.counts)

    def _read(self, owned: ClaimedPartition, records: Sequence[Record]) -> Reading:
        if self._columns is not None and isinstance(records, RecordColumns) and len(records):
            return self._columns.read(owned, records)
        tally = Tally()
        items = self._items.items(owned, records, tally)
        return Reading(items, records, NO_ROWS, tally, aliases_of(owned, items))

    def pass_over(self, owned: ClaimedPartition, stop: int, more: Change) -> None:
        """Move `applied` to `stop` as if no records lay before it, and make the changes `more` in the same script.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        nobody = Lookups({}, {})
        planned = plan((), nobody, owned.view, self._frame(owned, stop))
        for table, rows in more.tables.items():
            for key, value in rows.items():
                planned.change.put(table, key, value)
        planned.change.ops += more.ops
        self._write(owned, planned, nobody, None, NO_ROWS)
        self._remember(owned, planned, Reading([], (), NO_ROWS))

    def restore(self, owned: ClaimedPartition, tail: Members, records: Iterable[Record]) -> None:
        """Bring the open slice's rows back into memory: those of the tail and of `records`, the log behind it.

        A row is taken only if the membership names its slot. So a row that a clean-up is to bury comes back too, until
        its hole is recorded. Raises Fenced, RolledBack, StateUnavailable.
        """
        for at in range(0, len(tail), self._settings.batch_records):
            self._restore_tail(owned, tail.take(_between(len(tail), at, at + self._settings.batch_records)))
        for part in _parts(records, self._settings.batch_records):
            items = self._items.taken(owned.partition, part)
            lookups = self._look_up(owned, items, {})
            self._open(owned, [self._row(item) for item in items if _names(lookups, item.who, item.offset)])

    def _restore_tail(self, owned: ClaimedPartition, tail: Members) -> None:
        whos = [
            Addressed(record.tobytes(), b"" if subject.tobytes() == NO_SUBJECT else subject.tobytes())
            for record, subject in zip(tail.records, tail.subjects, strict=True)
        ]
        lookups = self._entries(owned, asked_of(whos), whos)
        slots = tail.slots.tolist()
        kept = np.array([_names(lookups, who, slot) for who, slot in zip(whos, slots, strict=True)], np.bool_)
        kept &= tail.slots >= owned.view.registered
        shards = np.array([shard_of(who.subject or who.record, self._settings.shards_per_partition) for who in whos])
        owned.open_rows.add(shards[kept].astype(np.int32), tail.take(kept))

    def _row(self, item: Insertion) -> Row:
        shard = shard_of(item.who.subject or item.who.record, self._settings.shards_per_partition)
        return Row(item.offset, shard, item)

    def _look_up(self, owned: ClaimedPartition, items: Sequence[Item], aliases: Mapping[bytes, Alias]) -> Lookups:
        named = [item for item in items if isinstance(item, Insertion | Deletion)]
        whos = [item.who for item in named] + deleted_by(aliases, items)
        whos += [who for item in items if (who := _refused_at_home(item)) is not None]
        asked = asked_of(who for who in whos if who.record)
        for item in named:
            if isinstance(item, Deletion) and item.who.record and not item.who.subject:
                before = asked[item.who.record]
                tomb = FOREVER if item.revision is None else item.revision
                asked[item.who.record] = before._replace(tomb=max(before.tomb, tomb))
        return self._entries(owned, asked, whos)._replace(aliases=aliases)

    def _entries(self, owned: ClaimedPartition, asked: Mapping[bytes, Asked], whos: Sequence[Addressed]) -> Lookups:
        subjects = list({who.subject: None for who in whos if who.subject})
        return Lookups(*read_members(owned.read, asked, subjects))

    def recall(self, owned: ClaimedPartition) -> None:
        """Read some of the ids that the partition knows, if they aren't all remembered yet.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        if self._columns is not None:
            owned.kept(KnownIds).turn(owned, self._settings.id_memory)

    def _write(
        self, owned: ClaimedPartition, planned: Plan, lookups: Lookups, last: Record | None, rows: NewRows
    ) -> None:
        keys, view, change = owned.state.keys, owned.view, planned.change
        if last is not None:
            note_fingerprint(change, self._digests, last)
        starts = (_slice_start(view, planned.ends, kill.slot) for kill in planned.kills)
        holes = ((k.shard, start, k.slot, k.death) for k, start in zip(planned.kills, starts, strict=True))
        change.ops += write_holes(keys, holes)
        change.ops += write_members(planned.records, planned.subjects, lookups.records, self._most_pairs)
        change.ops += write_aliases(planned.aliases, lookups.aliases)
        note_copy_kills(change, view, keys, planned.copied)
        entered = owned.kept(EnteredSubjects).has(rows.addresses.subjects)
        owned.commit(change, planned.stop, members=rows.packed(entered))

    def _remember(self, owned: ClaimedPartition, planned: Plan, read: Reading) -> None:
        now = self._clock.monotonic()
        outbox = owned.view.outbox
        owned.records.update({r.offset: r for r in read.records if r.offset in outbox} if outbox else {})
        for item in read.items:
            if isinstance(item, Deletion) and item.sender is not None:
                owned.addressees[item.offset] = item.sender
        dead = [subject for subject, value in planned.subjects.items() if value.dead or value.empty]
        if self._columns is not None:
            written = np.concatenate(
                [read.rows.addresses.records, read.dead_on_arrival.records, digests_of(planned.records)]
            )
            owned.kept(KnownIds).add(written, digests_of(dead))
            owned.kept(EnteredSubjects).add(read.rows.addresses.subjects[read.rows.owned])
        self._open(owned, planned.rows, read.rows)
        owned.open_rows.kill([kill.slot for kill in planned.kills])
        owned.note_kills([*planned.kills, *planned.covered], now)
        owned.note_burials(planned.kills)
        publishes = owned.partition < self._settings.partitions
        asked = planned.counts["deletes"] + planned.counts["lifts"]
        if publishes and (planned.kills or asked) and owned.unhidden_since is None:
            owned.unhidden_since = now
        if planned.ends or owned.rows_since is None:
            owned.rows_since = now if any(held.live for held in owned.view.open.values()) else None
        owned.counters.update(planned.counts)

    def _open(self, owned: ClaimedPartition, rows: Sequence[Row], new: NewRows = NO_ROWS) -> None:
        parts = [members_of(rows, self._settings.classes, self._settings.features)] if rows else []
        if len(new):
            parts.append((new.addresses.shards, new.members(self._settings.features)))
        if len(parts) == 1:
            owned.open_rows.add(*parts[0])
        elif parts:
            owned.open_rows.add(*_in_slot_order(parts))

    def _frame(self, owned: ClaimedPartition, stop: int) -> Frame:
        settings = self._settings
        return Frame(
            owned.view.applied,
            max(stop, owned.view.applied),
            settings.shards_per_partition,
            settings.slice_span,
            settings.forget_within,
            settings.update_within,
            folds=not self._learner.forgets,
            now=self._clock.wall_ms(),
        )


def _from(applied: int, records: Sequence[Record]) -> Sequence[Record]:
    """The records from the offset `applied` on."""
    if not len(records) or records[0].offset >= applied:
        return records
    return records[bisect_left(records, applied, key=lambda record: record.offset) :]


def _slice_start(view: Tables, more_ends: Sequence[int], slot: int) -> int:
    """Where the slot's slice starts, given the slice ends of the tables and those of the batch behind them."""
    return view.start_of(slot) if slot < view.last_end else slice_start([view.last_end, *more_ends], slot)


def _refused_at_home(item: Item) -> Addressed | None:
    """The record that a refused insert would have changed here; None for any other item."""
    refused = item.refused if isinstance(item, Sending) else None
    return refused.who if refused is not None and refused.at_home else None


def _names(lookups: Lookups, who: Addressed, slot: int) -> bool:
    """Whether the membership names exactly this slot for the pair."""
    entry = lookups.records.get(who.record)
    pair = entry.pairs.get(tag_of(who.subject)) if entry else None
    return pair is not None and pair.slot == slot


def _between(length: int, start: int, stop: int) -> NDArray[np.bool_]:
    at = np.arange(length)
    return (at >= start) & (at < stop)


def _parts(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    source = iter(records)
    while part := list(islice(source, size)):
        yield part


def members_of(rows: Sequence[Row], classes: Sequence[str], n_features: int) -> tuple[NDArray[np.int32], Members]:
    """The rows of accepted inserts as columns: (shard of each row, int32 of shape (n,); the n rows themselves).

    `classes` and `n_features` are the model's, by which labels and texts become numbers.
    """
    insertions = [row.insertion for row in rows]
    members = Members(
        np.array([row.slot for row in rows], np.int64),
        digests_of([insertion.who.record for insertion in insertions]),
        digests_of([insertion.who.subject or NO_SUBJECT for insertion in insertions]),
        np.array([insertion.revision for insertion in insertions], np.int64),
        rows_of([insertion.event for insertion in insertions], classes, n_features),
    )
    return np.array([row.shard for row in rows], np.int32), members


def _in_slot_order(parts: Sequence[tuple[NDArray[np.int32], Members]]) -> tuple[NDArray[np.int32], Members]:
    members = Members.concat([members for _, members in parts])
    shards = np.concatenate([shards for shards, _ in parts])
    order = np.argsort(members.slots, kind="stable")
    return shards[order], members.at(order)
