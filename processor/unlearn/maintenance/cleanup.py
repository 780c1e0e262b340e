"""Clean-ups: the rows of deleted subjects get their holes in the background, some in each turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.events.partitioner import tag_of
from unlearn.maintenance.burials import put_burials
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.rows import Members
from unlearn.partition.tables import Change, Cleanup
from unlearn.settings import Settings
from unlearn.state.entries import Entry, Pair, decode_entry, forgotten, holds_one_row
from unlearn.state.lookups import MOST_PAIRS, asked_of, read_pairs, write_members
from unlearn.state.members import name_of, names_of
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
    members: Members | Named, entries: Mapping[bytes, Entry], cleanups: Mapping[bytes, Cleanup], ledger: Ledger
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


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """n rows in slot order, and whom they belong to: slots (n,) int64, records and subjects (n, 16) uint8."""

    slots: NDArray[np.int64]
    records: NDArray[np.uint8]
    subjects: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.slots)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Named:
        """The rows at these positions, in the order given, or those where the mask (n,) is true."""
        return Named(self.slots[which], self.records[which], self.subjects[which])

    @staticmethod
    def concat(parts: Sequence[Named]) -> Named:
        """The rows of all parts, at least one, one part after the other."""
        return Named(
            np.concatenate([part.slots for part in parts]),
            np.concatenate([part.records for part in parts]),
            np.concatenate([part.subjects for part in parts]),
        )


class Group(NamedTuple):
    """Open clean-ups of one shard, by their subjects' digests. Its files are read once for all of them."""

    shard: int
    cursor: int
    """The slot from which on the shard's rows are still to be looked at."""
    cleanups: Mapping[bytes, Cleanup]


class Found(NamedTuple):
    """The rows that a walk found, and the slot where the next walk goes on; None if there is nothing behind them."""

    rows: Named
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
        started = self._clock.monotonic()
        begins = _begins(group.cleanups)
        parts: list[Named] = []
        count = 0
        for end, held in owned.view.of_shard(group.shard).with_rows(group.cursor):
            if end > owned.view.registered:
                break
            parts.append(_of_group(read_slice(self._store, held.file or ""), group, begins))
            count += len(parts[-1])
            if count > self._chunk or self._clock.monotonic() - started > _WALK_FOR:
                return _cut(Named.concat(parts), end, self._chunk)
        parts.append(_of_group(owned.open_rows.all(), group, begins))
        return _cut(Named.concat(parts), None, self._chunk)

    def _bury(self, owned: ClaimedPartition, group: Group, rows: Named, change: Change) -> list[int]:
        ledger = Ledger(owned.view, owned.view.applied, self._settings.slice_span)
        entries, _ = owned.look_up(names_of(rows.records), b"")
        odd = _bury_usual(group, rows, entries, change, ledger)
        if odd:
            self._bury_odd(owned, group, rows.take(np.array(odd, np.intp)), [entries[at] for at in odd], change, ledger)
        put_burials(owned, change, ledger)
        return [kill.slot for kill in ledger.kills]

    def _bury_odd(
        self,
        owned: ClaimedPartition,
        group: Group,
        rows: Named,
        found: Sequence[bytes | None],
        change: Change,
        ledger: Ledger,
    ) -> None:
        """Bury rows by the whole entries of their records; `found` has their bytes."""
        named = [(one.tobytes(), of.tobytes()) for one, of in zip(rows.records, rows.subjects, strict=True)]
        entries = {record: decode_entry(data) for (record, _), data in zip(named, found, strict=True) if data}
        asked = asked_of(named)
        apart = {name_of(record): (entry, asked[record].tags) for record, entry in entries.items() if entry.apart}
        read_pairs(owned.read, apart)
        changed = bury(rows, entries, group.cleanups, ledger)
        change.ops += write_members(changed, {}, entries, self._most_pairs)


def _bury_usual(
    group: Group, rows: Named, entries: Sequence[bytes | None], change: Change, ledger: Ledger
) -> list[int]:
    """Bury the rows whose records' entries hold nothing else; returns the places of all others.

    It does what `bury` does of these, without decoding the entries, whose bytes are given.
    """
    odd: list[int] = []
    slots, subjects, records = rows.slots.tolist(), rows.subjects.tobytes(), rows.records.tobytes()
    for at, (slot, data) in enumerate(zip(slots, entries, strict=True)):
        subject = subjects[16 * at : 16 * at + 16]
        tag = tag_of(subject)
        if data is None or not holds_one_row(data, tag, slot):
            odd.append(at)
            continue
        cleanup = group.cleanups[subject]
        ledger.bury(Kill(slot, cleanup.death, cleanup.shard))
        change.ops.append(("RECORD.SET", name_of(records[16 * at : 16 * at + 16]), forgotten(tag)))
    return odd


def _of_group(members: Members, group: Group, begins: NDArray[np.uint64]) -> Named:
    """The rows of the group's subjects, each from its own cursor on. `begins`: those of the subjects, sorted."""
    rows = Named(members.slots, members.records, members.subjects)
    of_rows = _begin(rows.subjects)
    at = np.minimum(np.searchsorted(begins, of_rows), len(begins) - 1)
    near = rows.take(np.flatnonzero(begins[at] == of_rows))
    flat = near.subjects.tobytes()
    held = (group.cleanups.get(flat[at : at + 16]) for at in range(0, len(flat), 16))
    mine = [c is not None and slot >= c.cursor for c, slot in zip(held, near.slots.tolist(), strict=True)]
    return near.take(np.array(mine, np.bool_))


def _begins(cleanups: Mapping[bytes, Cleanup]) -> NDArray[np.uint64]:
    return np.sort(_begin(np.frombuffer(b"".join(cleanups), np.uint8).reshape(-1, 16)))


def _begin(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The first 8 bytes of each digest (n, 16), which seldom are another's."""
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64)[:, 0]


def _cut(rows: Named, cursor: int | None, chunk: int) -> Found:
    """At most `chunk` rows; the cursor is then at the first row left out, so that the next walk finds it."""
    if len(rows) <= chunk:
        return Found(rows, cursor)
    cursor = int(rows.slots[chunk])
    return Found(rows.take(rows.slots < cursor), cursor)
