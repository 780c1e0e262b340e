"""Files that nobody needs are deleted after a grace, and what is left says what is erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Tables
from unlearn.settings import Settings
from unlearn.storage.artefacts import Store, newest_files, read_name

__all__ = ["Collector", "erased_through"]


@dataclass(slots=True)
class _Used:
    at: dict[str, float] = field(default_factory=dict)
    """When a look at the store last found a file in use (monotonic); before the claim others may have used it."""


class Collector:
    """Deletes the files of owned partitions that nothing needs any more; a turn looks at all of a partition's."""

    def __init__(self, settings: Settings, store: Store, forgets: bool, clock: Clock = MACHINE_CLOCK) -> None:
        self._settings = settings
        self._forgets = forgets
        self._store = store
        self._clock = clock
        self._aof_due = False
        self._aof_at = float("-inf")

    def turn(self, owned: ClaimedPartition) -> None:
        """Delete files of the partition that nothing has referred to for the grace, and see what is left.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        if owned.manifest is None or owned.tailing:
            # An earlier owner's manifest is in force, or a tail may bring back what has no hole any more.
            return
        needed, now = set(_needed(owned)), self._clock.monotonic()
        found = dict(self._store.names(f"{owned.partition}/"))
        used = owned.kept(_Used)
        used.at = {name: now if name in needed else used.at.get(name, owned.claimed_at) for name in found}
        ordered = sorted(found, key=lambda name: name not in needed)
        # A slice that lost all its rows has no file to fall back on, and needs none.
        empty = {key for key, held in owned.view.slices.items() if held.file == ""}
        newest = {name for key, (_, name) in newest_files(ordered).items() if key not in empty}
        writers = tuple(f"/{writer}." for writer in _writing(owned))
        garbage = {n for n in found if n not in needed and not any(writer in n for writer in writers)}
        old = {name for name in garbage if min(found[name], now - used.at[name]) > self._settings.garbage_grace}
        gone = sorted(old - newest)
        if gone:
            # Asked after the list was made: to an owner of before, its successor's files look like garbage.
            owned.read([("EXISTS", owned.state.keys.meta)])
        for name in gone:
            self._store.delete(name)
        owned.counters["collected"] += len(gone)
        before, owned.erased_through = (
            owned.erased_through,
            max(owned.erased_through, erased_through(owned.view, garbage - set(gone), self._forgets)),
        )
        self._rewrite_aof(owned, owned.erased_through > before)

    def _rewrite_aof(self, owned: ClaimedPartition, erased: bool) -> None:
        """What is erased here is still in the append-only file, which all partitions share."""
        self._aof_due |= erased
        every, now = self._settings.aof_rewrite_every, self._clock.monotonic()
        if self._aof_due and every and now - self._aof_at >= every and owned.state.rewrite_aof():
            self._aof_at, self._aof_due = now, False
            owned.counters["aof_rewrites"] += 1


def erased_through(view: Tables, garbage: Iterable[str], forgets: bool) -> int:
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


def _needed(owned: ClaimedPartition) -> Iterator[str]:
    yield from _named(owned.view)
    for running in owned.running.values():
        yield from (part.file for part in (*running.job.learn, *running.job.forget))
        if running.job.base is not None:
            yield running.job.base[1].file
    for manifest in (owned.manifest, owned.publishing and owned.publishing.manifest):
        yield from (entry.file for entry in manifest.shards) if manifest else ()


def _writing(owned: ClaimedPartition) -> Iterator[str]:
    """Who writes files that no table names yet."""
    yield from (running.job.writer for running in owned.running.values())
    yield from (work.writer for work in (owned.sealing, owned.rewriting) if work is not None)


def _named(view: Tables) -> Iterator[str]:
    yield from (held.file for held in view.slices.values() if held.file)
    yield from (state.file for state in view.states.values())
    yield from filter(None, [view.meta.get("tail")])
