"""After a claim, mends table entries whose files are gone because Redis was rolled back to before a rewriting.

The newest file of a slice is never garbage. It is taken instead, once the log is applied as far as it was when the file
was made. Rows of deleted subjects that the file lacks and that the membership still names are buried: their clean-up
could not find them any more.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from unlearn.events.partitioner import tag_of
from unlearn.maintenance.burials import put_burials
from unlearn.partition.claimed_partition import ClaimedPartition, Filed
from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.slices.subject_filters import SubjectFilters
from unlearn.partition.tables import Change, Cleanup, Tables
from unlearn.settings import Settings
from unlearn.state.entries import NO_ROW, Entry, Pair, decode_entry
from unlearn.state.lookups import read_pairs, write_entry
from unlearn.state.members import walk
from unlearn.storage.artefacts import Artefact, Store, newest_files, read_name
from unlearn.storage.slice_files import read_slice
from unlearn.storage.slice_writer import register_file

__all__ = ["Repairer", "stray"]

_log = logging.getLogger(__name__)
_ENTRIES_AT_ONCE = 4000
"""Record entries that one script reads, roughly."""

Slots = Mapping[tuple[int, int], frozenset[int]]
"""(shard, slice end) -> the slots of the rows in the slice's file."""


class Found(NamedTuple):
    """The newest file of a slice whose named file is gone; the name is empty if there is none."""

    shard: int
    end: int
    name: str
    applied: int
    slots: frozenset[int]


def stray(entry: Entry, view: Tables, files: Slots, covers: Mapping[bytes, Cleanup]) -> Iterator[tuple[bytes, Kill]]:
    """(subject tag, kill) of rows that the entry names and that their slice's file lacks, of subjects with a clean-up.

    `files`: the slots in the files found; `covers`: the clean-ups, by subject tag. Slices that aren't in `files` are
    passed over.
    """
    for tag, pair in entry.pairs.items():
        cover = covers.get(tag)
        if cover is None or pair.slot == NO_ROW:
            continue
        end = view.end_of(pair.slot)
        death = cover.death_of(pair.slot)
        if end is None or death is None:
            continue
        if pair.slot not in files.get((cover.shard, end), (pair.slot,)):
            yield tag, Kill(pair.slot, death, cover.shard)


def _not_before(newest: tuple[Artefact, str] | None, lost: str | None) -> tuple[Artefact, str] | None:
    """The newest file, unless it is older than the one that is lost: one that nobody collected yet holds rows whose
    holes are gone. None stands for a slice that lost all its rows since.
    """
    gone = read_name(lost or "")
    return None if newest is None or (gone is not None and newest[0].applied < gone.applied) else newest


class Repairer:
    """Compares the tables with the store, once after each claim, when Redis has caught up."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def turn(self, owned: ClaimedPartition) -> None:
        """Mend what leads to files that are gone: take the newest file of a slice, drop lost states.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable, ArtefactInvalid.
        """
        if owned.files_seen or owned.catching_up:
            return
        names = {name for name, *_ in self._store.names(f"{owned.partition}/")}
        newest = newest_files(sorted(names))
        lost = [key for key, held in owned.view.slices.items() if held.file and held.file not in names]
        found = [self._found(*key, _not_before(newest.get(key), owned.view.slices[key].file)) for key in lost]
        self._bury_strays(owned, {(f.shard, f.end): f.slots for f in found if f.applied <= owned.view.applied})
        for each in found:
            self._take(owned, each)
        self._drop_states(owned, names)
        owned.files_seen = True

    def _found(self, shard: int, end: int, newest: tuple[Artefact, str] | None) -> Found:
        if newest is None:
            # None is normal where no row is left: then rewriting made no file.
            return Found(shard, end, "", 0, frozenset())
        artefact, name = newest
        return Found(shard, end, name, artefact.applied, frozenset(read_slice(self._store, name).slots.tolist()))

    @staticmethod
    def _drop_states(owned: ClaimedPartition, names: set[str]) -> None:
        """Drop states whose files were collected before Redis was rolled back; their shards are learned again."""
        change = Change()
        for key, state in owned.view.states.items():
            if state.file not in names:
                change.drop("states", key)
        if change.tables:
            owned.commit(change)
            owned.counters["states_lost"] += len(change.tables["states"])

    def _take(self, owned: ClaimedPartition, found: Found) -> None:
        """Point the slice at the file found, if `applied` has reached the file's; else log that its file is gone."""
        shard, end, name, applied, slots = found
        if applied > owned.view.applied or (not name and owned.view.slices[shard, end].live):
            owned.counters["slices_lost"] += 1
            _log.error("partition %d: the file of shard %d up to %d is gone", owned.partition, shard, end)
            return
        change = Change()
        register_file(owned, change, Filed(shard, end, name, slots))
        owned.commit(change)
        owned.kept(SubjectFilters).forget(shard, end)
        owned.counters["slices_repaired"] += 1

    def _bury_strays(self, owned: ClaimedPartition, files: Slots) -> None:
        """Bury rows of deleted subjects that the files found lack. Each entry is read for all files together."""
        shards = {shard for shard, _ in files}
        open_here = (owned.view.open_cleanups.of_shard(shard) for shard in shards)
        covers = {tag_of(subject): cleanup for found in open_here for subject, cleanup in found.items()}
        if not covers:
            return
        for found in walk(owned.read, "RECORDS", _ENTRIES_AT_ONCE):
            entries = {name: decode_entry(data) for name, data in found}
            apart = {name: (entry, covers.keys()) for name, entry in entries.items() if entry.apart}
            read_pairs(owned.read, apart)
            self._bury(owned, entries, files, covers)

    def _bury(
        self,
        owned: ClaimedPartition,
        entries: Mapping[bytes, Entry],
        files: Slots,
        covers: Mapping[bytes, Cleanup],
    ) -> None:
        view = owned.view
        change, ledger = Change(), Ledger(view, view.applied, self._settings.slice_span)
        # By tag: subjects that were deleted by one alias share their death.
        buried: dict[bytes, Counter[int]] = defaultdict(Counter)
        for name, entry in entries.items():
            pairs = dict(entry.pairs)
            for tag, kill in stray(entry, view, files, covers):
                ledger.bury(kill)
                buried[tag][kill.death] += 1
                pairs[tag] = Pair(tomb=pairs[tag].tomb)
            if pairs != entry.pairs:
                change.ops += write_entry(name, entry._replace(pairs=pairs), entry)
        if ledger.kills:
            put_burials(owned, change, ledger)
            for subject, cleanup in view.cleanups.items():
                counted = buried.get(tag_of(bytes.fromhex(subject)))
                if counted is not None:
                    change.put("cleanups", subject, cleanup.counting(counted))
            owned.commit(change)
            owned.note_burials(ledger.kills)
