"""After a claim: pointers that lead nowhere, because Redis was rolled back across a rewriting.

The newest file of a slice is never garbage, so it is taken instead, once the log is applied as far as the
file was. Rows of deleted subjects that it lacks, and that the membership still names, are buried: their
clean-up could not find them any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping

from processor.filing import register_file
from processor.ledger import Kill, Ledger
from processor.membership import Entry, Pair, decode_entry
from processor.owned import Filed, Owned
from processor.routing import tag_of
from processor.settings import Settings
from processor.slice_files import read_slice
from processor.state.keys import BUCKETS
from processor.state.memberships import write_entry, write_holes
from processor.store import Artefact, Store, newest_files
from processor.view import Change

__all__ = ["Repairer", "stray"]

_log = logging.getLogger(__name__)
_BUCKETS_AT_ONCE = 256


def stray(
    entry: Entry, start: int, end: int, slots: frozenset[int], tags: Mapping[bytes, object]
) -> Iterator[tuple[bytes, int]]:
    """(tag, slot) of a covered subject's rows that should be in the file of [start, end) and aren't."""
    for tag, pair in entry.pairs.items():
        if tag in tags and start <= pair.slot < end and pair.slot not in slots:
            yield tag, pair.slot


class Repairer:
    """Looks once after each claim, when Redis has caught up."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def turn(self, owned: Owned) -> None:
        """Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable, ArtefactInvalid."""
        if owned.files_seen or owned.catching_up:
            return
        names = {name for name, _ in self._store.names(f"{owned.partition}/")}
        newest = newest_files(names)
        for (shard, end), held in list(owned.view.slices.items()):
            if held.file and held.file not in names:
                self._take(owned, shard, end, newest.get((shard, end)))
        self._drop_states(owned, names)
        owned.files_seen = True

    @staticmethod
    def _drop_states(owned: Owned, names: set[str]) -> None:
        """States of before the rollback that were collected since: they are learned anew."""
        change = Change()
        for key, state in owned.view.states.items():
            if state.file not in names:
                change.drop("states", key)
        if change.tables:
            owned.commit(change)
            owned.counters["states_lost"] += len(change.tables["states"])

    def _take(self, owned: Owned, shard: int, end: int, found: tuple[Artefact, str] | None) -> None:
        if found is None:
            # A file that is rewritten without any row is not written at all.
            found = Artefact(owned.partition, shard, "slice", end, 0), ""
        artefact, name = found
        slots = frozenset(read_slice(self._store, name).slots.tolist())
        if artefact.applied <= owned.view.applied:
            self._bury_strays(owned, shard, end, slots)
        if artefact.applied > owned.view.applied or (not name and owned.view.slices[shard, end].live):
            owned.counters["slices_lost"] += 1
            _log.error("partition %d: the file of shard %d up to %d is gone", owned.partition, shard, end)
            return
        change = Change()
        register_file(owned, change, end, Filed(shard, name, slots))
        owned.commit(change)
        owned.counters["slices_repaired"] += 1

    def _bury_strays(self, owned: Owned, shard: int, end: int, slots: frozenset[int]) -> None:
        view, start = owned.view, owned.view.start_of(end - 1)
        covers = {tag_of(bytes.fromhex(d)): c for d, c in view.cleanups.items() if c.shard == shard}
        if not covers:
            return
        for first in range(0, BUCKETS, _BUCKETS_AT_ONCE):
            change, ledger = Change(), Ledger(view, view.applied, self._settings.slice_span)
            for key, field, entry in self._entries(owned, range(first, first + _BUCKETS_AT_ONCE)):
                pairs = dict(entry.pairs)
                for tag, slot in stray(entry, start, end, slots, covers):
                    ledger.bury(Kill(slot, covers[tag].death, shard))
                    pairs[tag] = Pair(tomb=pairs[tag].tomb)
                if pairs != entry.pairs:
                    change.ops.append(write_entry(key, field, Entry(entry.tomb, pairs)))
            if ledger.kills:
                ledger.settle(change, view.applied, drop_states=False)
                holes = ((kill.shard, start, kill.slot, kill.death) for kill in ledger.kills)
                change.ops += write_holes(owned.state.keys, holes)
                change.put("meta", "live", view.number("live") - len(ledger.kills))
                change.put("meta", "holes", view.number("holes") + len(ledger.kills))
                owned.commit(change)

    def _entries(self, owned: Owned, buckets: Iterable[int]) -> Iterator[tuple[str, bytes, Entry]]:
        keys = [owned.state.keys.record(bucket) for bucket in buckets]
        for key, reply in zip(keys, owned.read([("HGETALL", key) for key in keys]), strict=True):
            for field, data in zip(reply[::2], reply[1::2], strict=True):
                yield key, field, decode_entry(data)
