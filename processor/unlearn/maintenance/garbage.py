"""Deletes files that nothing refers to any more, after a grace, and tells by what is left how much is erased.

Where no file of a slice is left, and nothing else of it, its entry goes, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.maintenance.later_files import LaterFiles, made_later
from unlearn.maintenance.spent_slices import spent
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.slices.subject_filters import SubjectFilters
from unlearn.partition.tables import AT_ONCE, Change, Tables
from unlearn.settings import Settings
from unlearn.storage.artefacts import Store, newest_files, read_name

__all__ = ["Collector", "erased_through"]

_LOOK_EVERY = 60.0
"""Seconds from one look at all partitions' files to the next; fewer where the grace is short."""
_SCRIPTS = 10
"""How many scripts one turn runs at most to remove entries of slices."""


@dataclass(slots=True)
class _Looks:
    last_at: float = float("-inf")
    """When the files were last looked at (monotonic seconds)."""
    used_at: dict[str, float] = field(default_factory=dict)
    """When each file was last found in use (monotonic seconds). Before the claim an earlier owner may have used any."""


class Collector:
    """Deletes the files of owned partitions that nothing needs any more, in a look at all files of a partition."""

    def __init__(self, settings: Settings, store: Store, forgets: bool, clock: Clock = MACHINE_CLOCK) -> None:
        self._settings = settings
        self._forgets = forgets
        self._store = store
        self._clock = clock
        self._look_every = min(_LOOK_EVERY, max(1.0, settings.garbage_grace / 2))
        self._aof_due = False
        self._aof_at = float("-inf")

    def turn(self, owned: ClaimedPartition) -> None:
        """Look at the partition's files if a look is due, once there is a manifest and no tail is being written.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        looks, now = owned.kept(_Looks), self._clock.monotonic()
        # All looks fall together, so that a partition that was claimed just now doesn't wait for longer than others.
        due = now // self._look_every > max(looks.last_at, owned.claimed_at) // self._look_every
        # An earlier owner's manifest may need the files, or a tail being written holds rows whose holes are gone.
        if not due or owned.manifest is None or owned.tailing:
            return
        looks.last_at = now
        self._look(owned, looks, now)

    def _look(self, owned: ClaimedPartition, looks: _Looks, now: float) -> None:
        """Delete files that nothing has referred to for `garbage_grace` seconds, and move `erased_through` on.

        The newest file of each slice stays, in case Redis is rolled back.
        """
        needed = set(_needed(owned))
        stored = list(self._store.names(f"{owned.partition}/"))
        owned.stored_bytes = sum(one.size for one in stored)
        found = {one.name: one.age for one in stored}
        used_before = looks.used_at
        looks.used_at = {name: now if name in needed else used_before.get(name, owned.claimed_at) for name in found}
        stored_slices = newest_files(sorted(found, key=lambda name: name not in needed))
        newest = {name for key, (_, name) in stored_slices.items() if _falls_back(owned.view, key)}
        later = made_later(owned.view, {key: artefact for key, (artefact, _) in stored_slices.items()})
        owned.kept(LaterFiles).applied = later
        writers = tuple(f"/{writer}." for writer in _writing(owned))
        garbage = {n for n in found if n not in needed and not any(writer in n for writer in writers)}
        old = {name for name in garbage if min(found[name], now - looks.used_at[name]) > self._settings.garbage_grace}
        gone = sorted(old - newest)
        if gone:
            # The token is checked after the list was made: a successor's files look like garbage to the owner before.
            owned.read([("EXISTS", owned.state.keys.meta)])
            self._store.delete(*gone)
        owned.counters["collected"] += len(gone)
        self._forget_slices(owned, newest_files(found.keys() - set(gone)).keys())
        before, owned.erased_through = (
            owned.erased_through,
            max(owned.erased_through, erased_through(owned.view, garbage - set(gone), self._forgets)),
        )
        self._rewrite_aof(owned, owned.erased_through > before)

    @staticmethod
    def _forget_slices(owned: ClaimedPartition, stored: Collection[tuple[int, int]]) -> None:
        """Remove the entries of slices of which nothing is left. `stored`: those that still have a file."""
        # Shard by shard: to remove some of a shard's entries costs as much as to enter all that it keeps.
        keys = sorted(spent(owned.view, stored, owned.running, _SCRIPTS * AT_ONCE))
        for at in range(0, len(keys), AT_ONCE):
            change = Change()
            for shard, end in keys[at : at + AT_ONCE]:
                change.drop("slices", (shard, end))
                owned.kept(SubjectFilters).forget(shard, end)
            owned.commit(change)
        owned.counters["slices_forgotten"] += len(keys)

    def _rewrite_aof(self, owned: ClaimedPartition, erased: bool) -> None:
        """Have Redis write its append-only file anew, now and then: it still has what was erased.

        All partitions share the file, so one rewriting is enough for all.
        """
        self._aof_due |= erased
        every, now = self._settings.aof_rewrite_every, self._clock.monotonic()
        if self._aof_due and every and now - self._aof_at >= every and owned.state.rewrite_aof():
            self._aof_at, self._aof_due = now, False
            owned.counters["aof_rewrites"] += 1


def _falls_back(view: Tables, key: tuple[int, int]) -> bool:
    """Whether a slice may need its newest file if Redis is rolled back.

    One that lost all its rows has no file, and needs no older one; its entry may be gone.
    """
    held = view.slices.get(key)
    return key[1] > view.registered if held is None else held.file != ""


def erased_through(view: Tables, garbage: Iterable[str], forgets: bool) -> int:
    """The offset before which every deletion is erased: no byte of what it deleted is left in files or in Redis.

    `garbage`: the files in the store that nothing refers to. A file holds no row that was dead before the `applied` in
    its name. What died later in a file in use has a hole in Redis. What a state must still forget died after the
    state's `applied`. What the offset says stays true as time goes on.
    """
    deaths = [held.first_death for held in view.slices.values() if held.first_death >= 0]
    deaths += [held.first_death for held in view.open.values() if held.first_death >= 0]
    if forgets:
        states = ((shard, state.applied) for (shard, _), state in view.states.items())
        deaths += [applied for shard, applied in states if applied < view.hits.get(shard, 0)]
    files = [read_name(name) for name in (*garbage, *filter(None, [view.meta.get("tail")]))]
    return min([view.holed_before, *deaths, *(artefact.applied if artefact else 0 for artefact in files)])


def _needed(owned: ClaimedPartition) -> Iterator[str]:
    """Names of the files that tables, jobs under way or manifests refer to."""
    yield from _named(owned.view)
    for running in owned.running.values():
        yield from (part.file for part in (*running.job.learn, *running.job.forget))
        if running.job.base is not None:
            yield running.job.base[1].file
    for manifest in (owned.manifest, owned.publishing and owned.publishing.manifest):
        yield from (entry.file for entry in manifest.shards) if manifest else ()


def _writing(owned: ClaimedPartition) -> Iterator[str]:
    """The writers, as in file names, of files that are being written and that no table names yet."""
    yield from (running.job.writer for running in owned.running.values())
    yield from (work.writer for work in (owned.sealing, owned.rewriting) if work is not None)


def _named(view: Tables) -> Iterator[str]:
    """Names of the files that the tables name."""
    yield from (held.file for held in view.slices.values() if held.file)
    yield from (state.file for state in view.states.values())
    yield from filter(None, [view.meta.get("tail")])
