"""Clean-ups: the rows of deleted subjects get their holes in the background, some in each turn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import ArtefactInvalid, StoreUnavailable
from unlearn.events.partitioner import tag_of
from unlearn.maintenance.burials import put_burials, put_counts
from unlearn.maintenance.cleanup_pacing import MOST_SUBJECTS, WalkPaces
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.cleanups.covers import NEVER
from unlearn.partition.cleanups.digest_table import DigestTable
from unlearn.partition.cleanups.open_cleanups import OpenCleanups
from unlearn.partition.ledger import Kill, Ledger
from unlearn.partition.rows import Members
from unlearn.partition.slices.subject_filters import SubjectFilters
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
_WALK_FOR = 0.02
"""Seconds after which a turn opens no further file to look for rows."""
_SLICES = 10_000
"""Slices whose filters are looked at without looking at the clock."""


def bury(
    members: Members | Named, entries: Mapping[bytes, Entry], cleanups: Mapping[bytes, Cleanup], ledger: Ledger
) -> dict[bytes, Entry]:
    """Bury rows of deleted subjects, as far as the membership still names their slot. Returns the changed entries.

    `cleanups` must hold the subject of every row, by its digest, and a deletion behind its slot; the kills go to the
    ledger.
    """
    changed: dict[bytes, Entry] = {}
    for slot, record, owner in zip(members.slots.tolist(), members.records, members.subjects, strict=True):
        digest, subject = record.tobytes(), owner.tobytes()
        entry, tag = changed.get(digest) or entries.get(digest), tag_of(subject)
        pair = entry.pairs.get(tag) if entry else None
        if entry and pair and pair.slot == slot:
            ledger.bury(_kill(cleanups[subject], slot))
            changed[digest] = entry._replace(pairs={**entry.pairs, tag: Pair(tomb=pair.tomb)})
    return changed


def _kill(cleanup: Cleanup, slot: int) -> Kill:
    death = cleanup.death_of(slot)
    assert death is not None
    return Kill(slot, death, cleanup.shard)


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


def group_of(cleanups: OpenCleanups, due: Callable[[int], bool] = lambda _: True) -> Group | None:
    """The oldest clean-up of the shards that are `due`, with those of its shard that have come as far or further, so
    that no other holds it up.

    At most 1,000 of them, the oldest; None if there is none.
    """
    first = cleanups.oldest(due)
    if first is None:
        return None
    mine = ((d, c) for d, c in cleanups.of_shard(first.shard).items() if c.cursor >= first.cursor)
    return Group(first.shard, first.cursor, dict(islice(mine, MOST_SUBJECTS)))


class Cleaner:
    """Buries at most `chunk` rows of a partition in a turn, so that the loop never waits long for it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        forgets: bool,
        clock: Clock = MACHINE_CLOCK,
        chunk: int = CHUNK,
        most_pairs: int = MOST_PAIRS,
    ) -> None:
        self._settings = settings
        self._store = store
        self._forgets = forgets
        self._clock = clock
        self._chunk = chunk
        self._most_pairs = most_pairs

    def turn(self, owned: ClaimedPartition, *, gathers: bool) -> None:
        """Bury the next rows of the oldest open clean-ups.

        `gathers`: if the learner forgets, a shard that was walked through a moment ago waits, so that more of its
        clean-ups come together. For others a deletion costs far more than the walk, and their jobs' base is compared
        with the membership only where no clean-up is open.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable, ArtefactInvalid.
        """
        cleanups, paces, began = owned.view.open_cleanups, owned.kept(WalkPaces), self._clock.monotonic()
        gathers &= self._forgets
        group = group_of(cleanups, lambda s: paces.due(s, len(cleanups.of_shard(s)), began, gathers=gathers))
        if group is None or owned.catching_up:
            return
        try:
            ended = self._go_on(owned, group)
        except (ArtefactInvalid, StoreUnavailable):
            paces.failed(group.shard, began)
            raise
        now = self._clock.monotonic()
        if ended:
            paces.ended(group.shard, now - began, now, self._settings.shards_per_partition)
        else:
            paces.took(group.shard, now - began)

    def _go_on(self, owned: ClaimedPartition, group: Group) -> bool:
        """Bury some rows of the group. Returns whether its walk is at its end."""
        found = self._walk(owned, group)
        change = Change()
        kills = self._bury(owned, group, found.rows, change)
        buried = _by_subject(found.rows, kills)
        done: list[Cleanup] = []
        for subject, before in group.cleanups.items():
            cleanup = before.counting(buried[subject])
            if found.cursor is None:
                change.drop("cleanups", subject.hex())
                done.append(cleanup)
            elif cleanup.cursor < found.cursor:
                change.put("cleanups", subject.hex(), cleanup._replace(cursor=found.cursor))
        put_counts(owned, change, done)
        owned.commit(change)
        owned.open_rows.kill([kill.slot for kill in kills])
        owned.note_burials(kills)
        owned.counters["sweeps"] += 1
        return found.cursor is None

    def _walk(self, owned: ClaimedPartition, group: Group) -> Found:
        """The group's rows from its cursor on: a chunk, or what was found in the time allowed, of one file at least."""
        started = self._clock.monotonic()
        wanted = _Wanted.of(group)
        parts: list[Named] = [wanted.among(Members.empty())]
        count = 0
        for end, is_read in _steps(owned, group):
            if is_read:
                parts.append(wanted.among(self._read(owned, group.shard, end)))
                count += len(parts[-1])
            if count > self._chunk or self._clock.monotonic() - started > _WALK_FOR:
                return _cut(Named.concat(parts), end, self._chunk)
        parts.append(wanted.among(owned.open_rows.all()))
        return _cut(Named.concat(parts), None, self._chunk)

    def _read(self, owned: ClaimedPartition, shard: int, end: int) -> Members:
        members = read_slice(self._store, owned.view.slices[shard, end].file or "")
        owned.kept(SubjectFilters).add(shard, end, members.subjects, self._settings.subject_memory)
        return members

    def _bury(self, owned: ClaimedPartition, group: Group, rows: Named, change: Change) -> list[Kill]:
        ledger = Ledger(owned.view, owned.view.applied, self._settings.slice_span)
        entries, _ = owned.look_up(names_of(rows.records), b"")
        odd = _bury_usual(group, rows, entries, change, ledger)
        if odd:
            self._bury_odd(owned, group, rows.take(np.array(odd, np.intp)), [entries[at] for at in odd], change, ledger)
        put_burials(owned, change, ledger)
        return ledger.kills

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


def _by_subject(rows: Named, kills: Sequence[Kill]) -> Mapping[bytes, Counter[int]]:
    """Subject -> death -> how many of its rows were buried; one death may be of many subjects."""
    owners = dict(zip(rows.slots.tolist(), rows.subjects, strict=True))
    buried: dict[bytes, Counter[int]] = defaultdict(Counter)
    for kill in kills:
        buried[owners[kill.slot].tobytes()][kill.death] += 1
    return buried


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
        ledger.bury(_kill(group.cleanups[subject], slot))
        change.ops.append(("RECORD.SET", name_of(records[16 * at : 16 * at + 16]), forgotten(tag)))
    return odd


def _steps(owned: ClaimedPartition, group: Group) -> Iterator[tuple[int, bool]]:
    """(end, True) of each slice with a file in which the group may have rows, in order, from its cursor on.

    (end, False) says now and then that there is nothing to read up to that end.
    """
    filters, subjects = owned.kept(SubjectFilters), b"".join(group.cleanups)
    ends = owned.view.of_shard(group.shard).ends_with_rows(group.cursor, owned.view.registered)
    for at in range(0, len(ends), _SLICES):
        part = ends[at : at + _SLICES]
        yield from ((end, True) for end in filters.may_hold(group.shard, part, subjects))
        yield part[-1], False


class _Wanted(NamedTuple):
    """The rows that a group is to bury: those from their subject's cursor on, and before its last deletion."""

    cursors: DigestTable
    ends: DigestTable

    @staticmethod
    def of(group: Group) -> _Wanted:
        cleanups = group.cleanups.items()
        return _Wanted(
            DigestTable({subject: cleanup.cursor for subject, cleanup in cleanups}),
            DigestTable({subject: cleanup.deaths[-1] for subject, cleanup in cleanups}),
        )

    def among(self, members: Members) -> Named:
        rows = Named(members.slots, members.records, members.subjects)
        rows = rows.take(rows.slots >= self.cursors.find(rows.subjects, NEVER))
        return rows.take(rows.slots < self.ends.find(rows.subjects, NEVER))


def _cut(rows: Named, cursor: int | None, chunk: int) -> Found:
    """At most `chunk` rows; the cursor is then at the first row left out, so that the next walk finds it."""
    if len(rows) <= chunk:
        return Found(rows, cursor)
    cursor = int(rows.slots[chunk])
    return Found(rows.take(rows.slots < cursor), cursor)
