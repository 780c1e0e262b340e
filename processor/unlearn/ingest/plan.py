"""What a batch of events changes: the rules of docs/design.md, section 3, as a pure function that never fails.

The rules commute with batch boundaries, repetition and background work: what an event does to a record depends only on
the record's entry, its subject's entry and the events' offsets. A plan never says that a deletion is hidden; only a
manifest does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from unlearn.events.partitioner import shard_of, tag_of
from unlearn.forwarding.dues import ACCEPTED, COPIES, DEAD, HOME, IN_ORDER, Letter, counter_of
from unlearn.ingest.classify import Deletion, Insertion, Item, Refused, Sealing, Sending
from unlearn.ingest.planned import Frame, Lookups, Plan, Row
from unlearn.moments import dated
from unlearn.partition.ledger import NO_COLUMNS, Columns, Kill, Ledger
from unlearn.partition.receipts.pending import LATER, OpenCopy, Pending
from unlearn.partition.tables import Cleanup, Tables, Unresolved
from unlearn.state.aliases import NO_ALIAS, Alias, addressed, target_of
from unlearn.state.copies import Copy
from unlearn.state.entries import ALONE, FOREVER, NO_ROW, NO_TOMB, Entry, Pair, Subject

__all__ = ["ACCEPTED", "COPIES", "DEAD", "HOME", "Frame", "Lookups", "Plan", "Row", "plan"]

_NO_ENTRY = Entry(NO_TOMB, {})
_NO_PAIR = Pair()


def plan(
    items: Iterable[Item],
    lookups: Lookups,
    view: Tables,
    frame: Frame,
    columns: Columns = NO_COLUMNS,
    tally: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """What the items of [frame.start, frame.stop) change, given what is known of those that they name.

    `columns`: the rows of further inserts, each of a record that is new to the partition and named nowhere else in the
    batch. They are counted; their entries and their subjects' are the caller's to write. `tally`: what else is counted.
    """
    planner = _Planner(lookups, view, frame, columns)
    planner.plan.counts.update(tally)
    return planner.run(items)


class _Planner:
    def __init__(self, lookups: Lookups, view: Tables, frame: Frame, columns: Columns) -> None:
        self.records, self.subjects = dict(lookups.records), dict(lookups.subjects)
        self.aliases = dict(lookups.aliases)
        self.view, self.frame = view, frame
        self.plan = Plan(frame.stop)
        self.ledger = Ledger(view, frame.start, frame.slice_span, columns)
        self.plan.counts["inserts"] = self.new = len(columns.slots)
        self.covered_tags: dict[bytes, int] = {}
        """Tag of a subject deleted in the batch -> the deletion's offset."""
        self.cleanups: dict[bytes, Cleanup] = {}

    def run(self, items: Iterable[Item]) -> Plan:
        """Apply the items in order to a copy of what was looked up, and return what changed."""
        for item in items:
            self.ledger.reach(item.offset)
            if isinstance(item, Insertion):
                self._insert(item)
            elif isinstance(item, Deletion):
                self._delete(item)
            elif isinstance(item, Sealing):
                self.plan.counts["seals"] += 1
                self.ledger.end_slice(item.offset + 1)
            else:
                self._send(item)
        self._finish()
        return self.plan

    # -- inserts

    def _insert(self, item: Insertion) -> None:
        record, subject = item.who
        self.plan.counts["inserts"] += 1
        if item.aliases and self._link(item):
            self._forget_by_alias(item)
        known = self.subjects.get(subject)
        entry = self.records.get(record, _NO_ENTRY)
        tag = tag_of(subject)
        pair = entry.pairs.get(tag, _NO_PAIR)
        buried = item.revision <= max(entry.tomb, pair.tomb)
        if buried or (known is not None and known.dead):
            self.plan.counts["dead_on_arrival"] += 1
            if not buried and tag not in entry.pairs:
                # Noted as if it had come before its subject's deletion, so that a look-up says that it is forgotten.
                self._changing(record).pairs[tag] = _NO_PAIR
        elif pair.slot == NO_ROW or item.revision > pair.revision or self._died_with_subject(item, pair):
            self._accept(item, tag, pair)
        elif item.revision == pair.revision and item.content != pair.content:
            self.plan.counts["conflicts"] += 1
        else:
            self.plan.counts["repeated"] += 1

    def _link(self, item: Insertion) -> bool:
        """Note whom the insert's aliases name, whatever becomes of it. Returns whether one of them is deleted."""
        target = target_of(*item.who)
        for alias in item.aliases:
            held = self.aliases.get(alias, NO_ALIAS)
            if target not in held.targets:
                self._keep_alias(alias, held._replace(targets=held.targets | {target}))
        return any(self.aliases[alias].dead for alias in item.aliases)

    def _forget_by_alias(self, item: Insertion) -> None:
        """Delete whom the insert is about, here, as it bears a deleted alias."""
        before = len(self.ledger.kills)
        covers = self._forget_target(item.offset, target_of(*item.who))
        if covers or len(self.ledger.kills) > before:
            self.plan.change.put("pending", item.offset, Pending(*self._clock(item.since, None), receipt=False))

    def _accept(self, item: Insertion, tag: bytes, pair: Pair) -> None:
        record, subject = item.who
        shard = shard_of(tag or record, self.frame.shards)
        death = self._died_with_subject(item, pair)
        if death is not None:
            # The clean-up couldn't find this row any more, since the entry names the new one.
            self.ledger.bury(Kill(pair.slot, death, shard))
            cleanup = self._cleanup_of(subject)
            assert cleanup is not None
            self._keep_cleanup(subject, cleanup.counting({death: 1}))
        elif pair.slot != NO_ROW:
            self.plan.counts["updates"] += 1
            since, deadline = self._clock(item.since, self.frame.update_within)
            self.plan.change.put("pending", item.offset, Pending(since, deadline, receipt=False))
            self.ledger.kill(Kill(pair.slot, item.offset, shard))
        self._changing(record).pairs[tag] = Pair(item.offset, item.revision, item.content, pair.tomb)
        known = self.subjects.get(subject)
        if subject and (known is None or known.empty):
            self._keep_subject(subject, Subject(False, item.offset))
        self.plan.rows.append(Row(item.offset, shard, item))
        self.ledger.add(item.offset, shard)

    def _died_with_subject(self, item: Insertion, pair: Pair) -> int | None:
        """The offset of the deletion by which the pair's row died with its subject and has no hole yet; else None."""
        cleanup = None if pair.slot == NO_ROW else self._cleanup_of(item.who.subject)
        return None if cleanup is None else cleanup.death_of(pair.slot)

    def _keep_cleanup(self, subject: bytes, cleanup: Cleanup) -> None:
        self.cleanups[subject] = cleanup
        self.plan.change.put("cleanups", subject.hex(), cleanup)

    def _cleanup_of(self, subject: bytes) -> Cleanup | None:
        shard = shard_of(subject, self.frame.shards)
        return self.cleanups.get(subject) or self.view.open_cleanups.of_shard(shard).get(subject)

    # -- deletions

    def _delete(self, item: Deletion) -> None:
        record, subject = item.who
        if item.effect == "lift":
            self._await(item, None)
            self._lift(item)
            return
        self.plan.counts["deletes"] += 1
        if item.alias:
            self._delete_alias(item)
            return
        before = len(self.ledger.kills)
        if not record:
            later = self._delete_subject(item.offset, subject, for_good=item.effect == "forget")
            self._await(item, LATER if later else 0)
            return
        tomb = FOREVER if item.revision is None else item.revision
        if subject:
            self._bury_pair(item.offset, record, tag_of(subject), tomb)
        else:
            self._bury_id(item.offset, record, tomb)
        killed = len(self.ledger.kills) - before
        self._await(item, killed)
        if killed and item.original is not None:
            self.plan.copied[Copy(item.original, item.offset)] = killed

    def _delete_alias(self, item: Deletion) -> None:
        held = self.aliases.get(item.alias, NO_ALIAS)
        self.plan.counts["tombstones"] += not held.dead
        self._keep_alias(item.alias, held._replace(dead=True))
        before = len(self.ledger.kills)
        cleanups = sum(self._forget_target(item.offset, target) for target in sorted(held.targets))
        killed = len(self.ledger.kills) - before
        self._await(item, killed, cleanups or None)
        if item.original is None:
            return
        if cleanups:
            self.plan.change.put("open_copies", item.offset, OpenCopy(*item.original, killed, cleanups))
        if killed or cleanups:
            self.plan.copied[Copy(item.original, item.offset)] = LATER if cleanups else killed

    def _forget_target(self, offset: int, target: bytes) -> bool:
        """Delete a subject, or a record without one. Returns whether it is a subject that may have rows."""
        record, subject = addressed(target)
        if subject:
            return self._delete_subject(offset, subject, for_good=True)
        self._bury_pair(offset, record, ALONE, FOREVER)
        return False

    def _bury_pair(self, offset: int, record: bytes, tag: bytes, tomb: int) -> None:
        entry = self._changing(record)
        pair = entry.pairs.get(tag, _NO_PAIR)
        self.plan.counts["tombstones"] += pair.tomb == NO_TOMB
        pair = Pair(pair.slot, pair.revision, pair.content, max(pair.tomb, tomb))
        entry.pairs[tag] = self._strike(offset, record, tag, pair, pair.tomb)

    def _bury_id(self, offset: int, record: bytes, tomb: int) -> None:
        entry = self._changing(record)
        self.plan.counts["tombstones"] += entry.tomb == NO_TOMB
        tomb = max(entry.tomb, tomb)
        for tag, pair in entry.pairs.items():
            entry.pairs[tag] = self._strike(offset, record, tag, pair, tomb)
        self.records[record] = self.plan.records[record] = Entry(tomb, entry.pairs, entry.apart)

    def _strike(self, offset: int, record: bytes, tag: bytes, pair: Pair, tomb: int) -> Pair:
        # A covered row died with its subject, at the tombstone's offset; its clean-up records that.
        if pair.slot == NO_ROW or pair.revision > tomb or self._is_covered(tag, pair.slot):
            return pair
        self.ledger.kill(Kill(pair.slot, offset, shard_of(tag or record, self.frame.shards)))
        return Pair(tomb=pair.tomb)

    def _delete_subject(self, offset: int, subject: bytes, *, for_good: bool) -> bool:
        """Returns whether the subject may have rows, which its clean-up buries and counts."""
        known = self.subjects.get(subject)
        if known is not None and known.dead:
            return False
        if known is not None or for_good:
            self._keep_subject(subject, Subject(for_good, offset, empty=not for_good))
        self.plan.counts["subjects_deleted"] += 1
        self.plan.counts["tombstones"] += for_good
        if known is None or known.empty:
            return False
        self._cover(subject, Kill(known.offset, offset, shard_of(subject, self.frame.shards)))
        return True

    def _cover(self, subject: bytes, kill: Kill) -> None:
        self.covered_tags[tag_of(subject)] = kill.death
        self.plan.covered.append(kill)
        open_one = self._cleanup_of(subject)
        fresh = Cleanup(kill.death, kill.shard, kill.slot, killed=0)
        self._keep_cleanup(subject, fresh if open_one is None else open_one.and_of(kill.death, kill.slot))
        self.ledger.hit(kill)

    def _is_covered(self, tag: bytes, slot: int) -> bool:
        """Whether the row of the subject with this tag died with it and has no hole yet."""
        return slot < self.covered_tags.get(tag, 0) or self.view.open_cleanups.covers(tag, slot)

    # -- lifts

    def _lift(self, item: Deletion) -> None:
        self.plan.counts["lifts"] += 1
        if item.again:
            return
        record, subject = item.who
        if item.alias:
            self._lift_alias(item.alias)
        elif not record:
            self._lift_subject(item, subject)
        elif subject:
            self._lift_pair(self.records.get(record, _NO_ENTRY), item)
        else:
            self._lift_id(self.records.get(record, _NO_ENTRY), item)

    def _lift_subject(self, item: Deletion, subject: bytes) -> None:
        known = self.subjects.get(subject)
        if known is not None and known.dead:
            self._keep_subject(subject, Subject(False, item.offset, empty=True))
            self.plan.counts["tombstones"] -= 1

    def _lift_alias(self, alias: bytes) -> None:
        held = self.aliases.get(alias, NO_ALIAS)
        if held.dead:
            self._keep_alias(alias, held._replace(dead=False))
            self.plan.counts["tombstones"] -= 1

    def _lift_pair(self, entry: Entry, item: Deletion) -> None:
        """End the deletion of a subject's record, or that of a record without a subject, which an alias named."""
        tag = tag_of(item.who.subject)
        pair = entry.pairs.get(tag, _NO_PAIR)
        if pair.tomb != NO_TOMB:
            self._changing(item.who.record).pairs[tag] = pair._replace(tomb=NO_TOMB)
            self.plan.counts["tombstones"] -= 1

    def _lift_id(self, entry: Entry, item: Deletion) -> None:
        self._lift_pair(entry, item)
        if entry.tomb != NO_TOMB:
            changed = self._changing(item.who.record)._replace(tomb=NO_TOMB)
            self.records[item.who.record] = self.plan.records[item.who.record] = changed
            self.plan.counts["tombstones"] -= 1

    # -- what waits, and what is sent on

    def _await(self, item: Deletion, killed: int | None, cleanups: int | None = None) -> None:
        """Note that the sender is to be answered.

        `killed`: how many rows the deletion has killed here, or LATER; None for a lift. `cleanups`: as in `Pending`.
        """
        if item.receipt:
            clock = self._clock(item.since, item.forget_within)
            records = None if item.copies or killed == LATER or cleanups else killed
            copies: dict[str, int] | None = {} if item.copies else None
            lifts = item.effect == "lift"
            held = Pending(*clock, copies, True, self.frame.now, killed, records, lifts=lifts, cleanups=cleanups)
            self.plan.change.put("pending", item.offset, held)
            due = [ACCEPTED, COPIES] if item.copies else [ACCEPTED]
            self.plan.change.put("outbox", item.offset, [*due, IN_ORDER] if lifts and item.copies else due)

    def _send(self, item: Sending) -> None:
        self.plan.counts[item.kind] += 1
        if item.kind == HOME:
            self.plan.change.put("outbox", item.offset, [HOME, IN_ORDER] if item.in_order else [HOME])
            return
        self.plan.counts[counter_of(item.reason, self.view.meta, self.plan.counts)] += 1
        since, deadline = self._clock(item.since, item.forget_within)
        letter = Letter(item.reason, item.answers, at=self.frame.now, deadline=deadline)
        self.plan.change.put("outbox", item.offset, letter.due())
        if item.kind == "unresolved":
            self.plan.change.put("unresolved", item.offset, Unresolved(item.reason, deadline, since))
        elif item.refused is not None and self._was_update(item.refused):
            self.plan.counts["refused_updates"] += 1

    def _was_update(self, refused: Refused) -> bool:
        """Whether the refused insert was to replace a row, so that an older revision stays in force.

        Off the insert's home the row can't be looked up: there any revision above 0 counts as an update.
        """
        if not refused.at_home:
            return refused.revision > 0
        tag = tag_of(refused.who.subject)
        pair = self.records.get(refused.who.record, _NO_ENTRY).pairs.get(tag, _NO_PAIR)
        return pair.slot != NO_ROW and refused.revision > pair.revision and not self._is_covered(tag, pair.slot)

    def _clock(self, since: int, within: float | None) -> tuple[int, int]:
        """(start, deadline) of a deletion's wait, in ms since the epoch.

        `within`: seconds between them; None stands for the settings' `forget_within`.
        """
        start = since if self.frame.now is None else dated(since, self.frame.now)
        return start, start + round((self.frame.forget_within if within is None else within) * 1000)

    # -- memory of the batch

    def _changing(self, record: bytes) -> Entry:
        """The record's entry, to be changed in place; its pairs are a copy, so what was looked up stays as it was."""
        if record not in self.plan.records:
            entry = self.records.get(record, _NO_ENTRY)
            own = Entry(entry.tomb, dict(entry.pairs), entry.apart)
            self.records[record] = self.plan.records[record] = own
        return self.plan.records[record]

    def _keep_alias(self, alias: bytes, value: Alias) -> None:
        self.aliases[alias] = self.plan.aliases[alias] = value

    def _keep_subject(self, subject: bytes, value: Subject) -> None:
        self.subjects[subject] = self.plan.subjects[subject] = value

    def _finish(self) -> None:
        self.ledger.settle(self.plan.change, self.frame.stop, self.frame.folds)
        self.plan.kills, self.plan.ends = self.ledger.kills, self.ledger.ends
        counts = self.plan.counts
        counts["live"] = self.new + len(self.plan.rows) - len(self.plan.kills)
        counts["holes"] = len(self.plan.kills)
        for name, more in counts.items():
            if more:  # tombstones become fewer, too
                self.plan.change.put("meta", name, self.view.number(name) + more)
