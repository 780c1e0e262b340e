"""Background work: rows of deleted subjects are buried in chunks, files that nobody needs are collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from processor.ledger import Kill, Ledger
from processor.membership import Entry, Pair
from processor.owned import Owned
from processor.routing import tag_of
from processor.settings import Settings
from processor.slice_files import read_slice
from processor.slices import Members
from processor.state.memberships import lookup_reads, parse_lookups, write_holes, write_members
from processor.store import Store, newest_files, read_name
from processor.view import Change, Cleanup, View

__all__ = ["Sweeper", "bury", "erased_through"]

_CHUNK = 1000


def bury(
    members: Members, entries: Mapping[bytes, Entry], cleanup: Cleanup, tag: bytes, ledger: Ledger
) -> dict[bytes, Entry]:
    """Bury a deleted subject's rows: those whose membership still names their slot. Returns changed entries."""
    changed: dict[bytes, Entry] = {}
    for slot, record in zip(members.slots.tolist(), members.records, strict=True):
        digest = record.tobytes()
        entry = changed.get(digest) or entries.get(digest)
        pair = entry.pairs.get(tag) if entry else None
        if entry and pair and pair.slot == slot:
            ledger.bury(Kill(slot, cleanup.death, cleanup.shard))
            changed[digest] = Entry(entry.tomb, {**entry.pairs, tag: Pair(tomb=pair.tomb)})
    return changed


class Sweeper:
    """One chunk a turn and partition, so that the loop never waits for it."""

    def __init__(self, settings: Settings, store: Store, forgets: bool) -> None:
        self._settings = settings
        self._forgets = forgets
        self._store = store

    def clean_up(self, owned: Owned) -> None:
        """Bury the next rows of the oldest open clean-up. Raises Fenced, RolledBack, StateUnavailable,
        StoreUnavailable."""
        if not owned.view.cleanups or owned.catching_up:
            return
        subject, cleanup = min(owned.view.cleanups.items(), key=lambda item: item[1].death)
        members, cursor = self._next_rows(owned, bytes.fromhex(subject), cleanup)
        change = Change()
        slots = self._bury(owned, bytes.fromhex(subject), cleanup, members, change)
        if cursor is None:
            change.drop("cleanups", subject)
        else:
            change.put("cleanups", subject, cleanup._replace(cursor=cursor))
        owned.commit(change)
        owned.open_rows.kill(slots)

    def _next_rows(self, owned: Owned, subject: bytes, cleanup: Cleanup) -> tuple[Members, int | None]:
        """Up to a chunk of the subject's rows from the cursor on, and the next cursor; None at the end."""
        for end, held in owned.view.shard_slices(cleanup.shard):
            if end <= cleanup.cursor or end > owned.view.registered:
                continue
            members = _of_subject(read_slice(self._store, held.file or ""), subject, cleanup.cursor)
            if len(members) > _CHUNK:
                return _head(members), int(members.slots[_CHUNK])
            if len(members):
                return members, end
        members = _of_subject(owned.open_rows.of_subject(subject), subject, cleanup.cursor)
        more = len(members) > _CHUNK
        return _head(members), int(members.slots[_CHUNK]) if more else None

    def _bury(self, owned: Owned, subject: bytes, cleanup: Cleanup, members: Members, change: Change) -> list[int]:
        view, keys = owned.view, owned.state.keys
        records = list({record.tobytes() for record in members.records})
        entries, _ = parse_lookups(records, [], owned.read(lookup_reads(keys, records, [])))
        ledger = Ledger(view, view.applied, self._settings.slice_span)
        changed = bury(members, entries, cleanup, tag_of(subject), ledger)
        ledger.settle(change, view.applied, drop_states=False)
        holes = ((kill.shard, view.start_of(kill.slot), kill.slot, kill.death) for kill in ledger.kills)
        change.ops += [*write_holes(keys, holes), *write_members(keys, changed, {})]
        change.put("meta", "live", view.number("live") - len(ledger.kills))
        change.put("meta", "holes", view.number("holes") + len(ledger.kills))
        return [kill.slot for kill in ledger.kills]

    def collect(self, owned: Owned) -> None:
        """Delete files of the partition that nothing has referred to for the grace, and see what is left.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable."""
        needed, grace = set(_needed(owned)), self._settings.garbage_grace
        found = list(self._store.names(f"{owned.partition}/"))
        newest = {name for _, name in newest_files(name for name, _ in found).values()}
        writers = tuple(f"/{running.job.writer}." for running in owned.running.values())
        garbage = {n: age for n, age in found if n not in needed and not any(writer in n for writer in writers)}
        gone = [name for name, age in garbage.items() if age > grace and name not in newest]
        if gone:
            # Asked after the list was made: to an owner of before, its successor's files look like garbage.
            owned.read([("EXISTS", owned.state.keys.meta)])
        for name in gone:
            self._store.delete(name)
        owned.counters["collected"] += len(gone)
        owned.erased_through = max(
            owned.erased_through, erased_through(owned.view, garbage.keys() - set(gone), self._forgets)
        )


def erased_through(view: View, garbage: Iterable[str], forgets: bool) -> int:
    """No byte of what was deleted before this offset is left in files or Redis.

    `garbage` are the files in the store that nothing refers to. A file holds no row that was dead before the
    `applied` in its name; what died in one that is referred to since then has a hole in Redis, and what a
    state must still forget died after its `applied`. Stays true as time goes on.
    """
    deaths = [held.first_death for held in view.slices.values() if held.first_death >= 0]
    deaths += [held.first_death for held in view.open.values() if held.first_death >= 0]
    deaths += [cleanup.death for cleanup in view.cleanups.values()]
    if forgets:
        states = ((shard, state.applied) for (shard, _), state in view.states.items())
        deaths += [applied for shard, applied in states if applied < view.hits.get(shard, 0)]
    files = [read_name(name) for name in (*garbage, *filter(None, [view.meta.get("tail")]))]
    return min([view.applied, *deaths, *(artefact.applied if artefact else 0 for artefact in files)])


def _of_subject(members: Members, subject: bytes, cursor: int) -> Members:
    mine = (members.subjects == np.frombuffer(subject, np.uint8)).all(axis=1)
    return members.take(mine & (members.slots >= cursor))


def _head(members: Members) -> Members:
    return members.take(np.arange(len(members)) < _CHUNK)


def _needed(owned: Owned) -> Iterator[str]:
    yield from _named(owned.view)
    for running in owned.running.values():
        yield from (part.file for part in (*running.job.learn, *running.job.forget))
        if running.job.base is not None:
            yield running.job.base[1].file
    for manifest in (owned.manifest, owned.publishing and owned.publishing.manifest):
        yield from (entry.file for entry in manifest.shards) if manifest else ()


def _named(view: View) -> Iterator[str]:
    yield from (held.file for held in view.slices.values() if held.file)
    yield from (state.file for state in view.states.values())
    yield from filter(None, [view.meta.get("tail")])
