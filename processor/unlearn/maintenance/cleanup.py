"""Clean-ups: the rows of deleted subjects get their holes in the background, some in each turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.events.partitioner import tag_of
from unlearn.maintenance.burials import put_burials
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.rows import Members
from unlearn.partition.tables import Change, Cleanup
from unlearn.settings import Settings
from unlearn.state.entries import Entry, Pair
from unlearn.state.lookups import MOST_PAIRS, asked_of, read_members, write_members
from unlearn.storage.artefacts import Store
from unlearn.storage.slice_files import read_slice

__all__ = ["CHUNK", "Cleaner", "bury", "group_of"]

CHUNK = 500
"""Rows that one turn buries."""
_SUBJECTS = 1000
"""Clean-ups that one turn works on at most."""
_WALK_FOR = 0.02
"""Seconds after which a turn opens no further file to look for rows."""


def bury(
    members: Members, entries: Mapping[bytes, Entry], cleanups: Mapping[bytes, Cleanup], ledger: Ledger
) -> dict[bytes, Entry]:
    """Bury rows of deleted subjects, as far as the membership still names their slot. Returns the changed entries.

    `cleanups` must hold the subject of every row, by its digest; the kills go to the ledger.
    """
    changed: dict[bytes, Entry] = {}
    for slot, record, owner in zip(members.slots.tolist(), members.records, members.subjects, strict=True):
        digest, subject = record.tobytes(), owner.tobytes()
        entry, tag = changed.get(digest) or entries.get(digest), tag_of(subject)
        pair = entry.pairs.get(tag) if entry else None
        if entry and pair and pair.slot == slot:
            ledger.bury(Kill(slot, cleanups[subject].death, cleanups[subject].shard))
            changed[digest] = entry._replace(pairs={**entry.pairs, tag: Pair(tomb=pair.tomb)})
    return changed


class Group(NamedTuple):
    """Open clean-ups of one shard, by their subjects' digests. Its files are read once for all of them."""

    shard: int
    cursor: int
    """The slot from which on the shard's rows are still to be looked at."""
    cleanups: Mapping[bytes, Cleanup]


class Found(NamedTuple):
    """The rows that a walk found, and the slot where the next walk goes on; None if there is nothing behind them."""

    rows: Members
    cursor: int | None


def group_of(cleanups: Mapping[str, Cleanup]) -> Group:
    """The oldest clean-up, with those of its shard that have come as far or further, so that no other holds it up.

    At most 1,000 of them, the oldest.
    """
    first = min(cleanups.values(), key=lambda cleanup: cleanup.death)
    mine = ((d, c) for d, c in cleanups.items() if c.shard == first.shard and c.cursor >= first.cursor)
    oldest = sorted(mine, key=lambda item: item[1].death)[:_SUBJECTS]
    return Group(first.shard, first.cursor, {bytes.fromhex(digest): cleanup for digest, cleanup in oldest})


class Cleaner:
    """Buries at most `chunk` rows of a partition in a turn, so that the loop never waits long for it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock = MACHINE_CLOCK,
        chunk: int = CHUNK,
        most_pairs: int = MOST_PAIRS,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._chunk = chunk
        self._most_pairs = most_pairs

    def turn(self, owned: ClaimedPartition) -> None:
        """Bury the next rows of the oldest open clean-ups.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        if not owned.view.cleanups or owned.catching_up:
            return
        group = group_of(owned.view.cleanups)
        found = self._walk(owned, group)
        change = Change()
        slots = self._bury(owned, group, found.rows, change)
        for subject, cleanup in group.cleanups.items():
            if found.cursor is None:
                change.drop("cleanups", subject.hex())
            elif cleanup.cursor < found.cursor:
                change.put("cleanups", subject.hex(), cleanup._replace(cursor=found.cursor))
        owned.commit(change)
        owned.open_rows.kill(slots)
        owned.counters["sweeps"] += 1

    def _walk(self, owned: ClaimedPartition, group: Group) -> Found:
        """The group's rows from its cursor on: a chunk, or what was found in the time allowed, of one file at least."""
        started, rows, cursor = self._clock.monotonic(), Members.empty(), group.cursor
        for end, held in owned.view.shard_slices(group.shard):
            if end <= group.cursor or end > owned.view.registered:
                continue
            rows = Members.concat([rows, _of_group(read_slice(self._store, held.file or ""), group)])
            cursor = end
            if len(rows) > self._chunk or self._clock.monotonic() - started > _WALK_FOR:
                return _cut(rows, cursor, self._chunk)
        return _cut(Members.concat([rows, _of_group(owned.open_rows.all(), group)]), None, self._chunk)

    def _bury(self, owned: ClaimedPartition, group: Group, members: Members, change: Change) -> list[int]:
        view, keys = owned.view, owned.state.keys
        named = zip(members.records, members.subjects, strict=True)
        asked = asked_of((record.tobytes(), subject.tobytes()) for record, subject in named)
        entries, _ = read_members(owned.read, keys, asked, [])
        ledger = Ledger(view, view.applied, self._settings.slice_span)
        changed = bury(members, entries, group.cleanups, ledger)
        put_burials(owned, change, ledger)
        change.ops += write_members(keys, changed, {}, entries, self._most_pairs)
        return [kill.slot for kill in ledger.kills]


def _of_group(members: Members, group: Group) -> Members:
    """The rows of the group's subjects, each from its own cursor on."""
    flat = members.subjects.tobytes()
    held = (group.cleanups.get(flat[at : at + 16]) for at in range(0, len(flat), 16))
    mine = [c is not None and slot >= c.cursor for c, slot in zip(held, members.slots.tolist(), strict=True)]
    return members.take(np.array(mine, np.bool_))


def _cut(rows: Members, cursor: int | None, chunk: int) -> Found:
    """At most `chunk` rows; the cursor is then at the first row left out, so that the next walk finds it."""
    if len(rows) <= chunk:
        return Found(rows, cursor)
    cursor = int(rows.slots[chunk])
    return Found(rows.take(rows.slots < cursor), cursor)
