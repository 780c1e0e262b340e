"""A batch while it is planned: what is known of those that it names, and what it has changed of that so far."""

from __future__ import annotations

from unlearn.events.partitioner import shard_of, tag_of
from unlearn.ingest.planning.planned import Frame, Lookups, Plan
from unlearn.moments import dated
from unlearn.partition.ledger import Columns, Kill, Ledger
from unlearn.partition.tables import Cleanup, Tables
from unlearn.state.aliases import NO_ALIAS, Alias
from unlearn.state.entries import NO_TOMB, Entry, Subject

__all__ = ["Batch"]

_NO_ENTRY = Entry(NO_TOMB, {})


class Batch:
    """What was looked up stays as it was; every change is in `plan`, and what is asked for later sees it."""

    def __init__(self, lookups: Lookups, view: Tables, frame: Frame, columns: Columns) -> None:
        self.view, self.frame = view, frame
        self.plan = Plan(frame.stop)
        self.ledger = Ledger(view, frame.start, frame.slice_span, columns)
        self._records, self._subjects = dict(lookups.records), dict(lookups.subjects)
        self._aliases = dict(lookups.aliases)
        self._cleanups: dict[bytes, Cleanup] = {}
        self._covered_tags: dict[bytes, int] = {}
        """Tag of a subject deleted in the batch -> the deletion's offset."""

    def entry(self, record: bytes) -> Entry:
        """The record's entry, to be read only."""
        return self._records.get(record, _NO_ENTRY)

    def changing(self, record: bytes) -> Entry:
        """The record's entry, whose pairs may be changed in place: they are a copy."""
        if record not in self.plan.records:
            entry = self.entry(record)
            self.keep_entry(record, Entry(entry.tomb, dict(entry.pairs), entry.apart))
        return self.plan.records[record]

    def keep_entry(self, record: bytes, entry: Entry) -> None:
        self._records[record] = self.plan.records[record] = entry

    def subject(self, subject: bytes) -> Subject | None:
        """None if nothing is known of it."""
        return self._subjects.get(subject)

    def keep_subject(self, subject: bytes, value: Subject) -> None:
        self._subjects[subject] = self.plan.subjects[subject] = value

    def alias(self, alias: bytes) -> Alias:
        """Whom the alias names, and whether it is deleted."""
        return self._aliases.get(alias, NO_ALIAS)

    def keep_alias(self, alias: bytes, value: Alias) -> None:
        self._aliases[alias] = self.plan.aliases[alias] = value

    def cleanup(self, subject: bytes) -> Cleanup | None:
        """The open clean-up of the subject's rows, if there is one."""
        shard = shard_of(subject, self.frame.shards)
        return self._cleanups.get(subject) or self.view.open_cleanups.of_shard(shard).get(subject)

    def keep_cleanup(self, subject: bytes, cleanup: Cleanup) -> None:
        self._cleanups[subject] = cleanup
        self.plan.change.put("cleanups", subject.hex(), cleanup)

    def cover(self, subject: bytes, kill: Kill) -> None:
        """Note that all rows of the subject from `kill.slot` on died at `kill.death`: its clean-up is to bury them."""
        self._covered_tags[tag_of(subject)] = kill.death
        self.plan.covered.append(kill)
        open_one = self.cleanup(subject)
        fresh = Cleanup(kill.death, kill.shard, kill.slot, killed=0)
        self.keep_cleanup(subject, fresh if open_one is None else open_one.and_of(kill.death, kill.slot))
        self.ledger.hit(kill)

    def is_covered(self, tag: bytes, slot: int) -> bool:
        """Whether the row of the subject with this tag died with it and has no hole yet."""
        return slot < self._covered_tags.get(tag, 0) or self.view.open_cleanups.covers(tag, slot)

    def clock(self, since: int, within: float | None) -> tuple[int, int]:
        """(start, deadline) of a deletion's wait, in ms since the epoch.

        `within`: seconds between them; None stands for the settings' `forget_within`.
        """
        start = since if self.frame.now is None else dated(since, self.frame.now)
        return start, start + round((self.frame.forget_within if within is None else within) * 1000)
