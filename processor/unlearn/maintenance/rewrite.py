"""Erasing: slice files are written again without their dead rows, one at a time, in the background.

A row may go once nothing needs it any more: no job that runs, no state that must still forget it, and no manifest from
before its death. One script then puts the new file's name in the table and drops the holes of the rows that it lacks.
The old file is garbage.

A file is also written again where the store has a later one of its slice: see `later_files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.maintenance.later_files import LaterFiles, may_be_renamed
from unlearn.partition.claimed_partition import ClaimedPartition, Filed, Sealing
from unlearn.partition.tables import Change, Slice, Tables
from unlearn.settings import Settings
from unlearn.storage.artefacts import Artefact, Store
from unlearn.storage.slice_files import read_slice
from unlearn.storage.slice_writer import register_file, write_slice

__all__ = ["Rewriter", "rewritable", "safe_before", "worth_it"]

_LOOK_EVERY = 1.0
_MANY = 0.1
"""The share of dead rows at which a file is written again without waiting."""


def safe_before(view: Tables, shard: int, published: int, forgets: bool) -> int:
    """Rows that died before this offset are in no published state, and no stored state must still forget them.

    `published`: the newest manifest's `applied`; `forgets`: whether the learner forgets.
    """
    bases = [state.applied for _, state in view.shard_states(shard)] if forgets else []
    return min([published, *bases])


def rewritable(view: Tables, shard: int, end: int, safe: int) -> bool:
    """Whether all dead rows of a slice's file may go; `safe` is what `safe_before` gives.

    Not if an open clean-up of the shard is about a deletion from before the last death: its rows have no holes yet, so
    the new file would hold rows that died before the `applied` in its name.
    """
    held = view.slices[shard, end]
    oldest = next(iter(view.open_cleanups.of_shard(shard).values()), None)
    known = safe if oldest is None else min(safe, oldest.death)
    return bool(held.file) and held.first_death >= 0 and held.last_death < known


def worth_it(held: Slice, age: float, erase_after: float) -> bool:
    """Whether to write the file again: a tenth of its rows is dead, or some have been for `erase_after` seconds.

    `age`: seconds since dead rows were first seen in it.
    """
    return age >= erase_after or held.rows - held.live >= _MANY * held.rows


@dataclass(slots=True)
class _Files:
    dead_since: dict[tuple[int, int], float] = field(default_factory=dict)
    """When dead rows were first seen in the file of (shard, end), in monotonic seconds."""
    due: list[tuple[int, int]] = field(default_factory=list)
    """Those that were due when all were last looked at, the next one last."""
    look_at: float = float("-inf")
    """When to look at all again."""


class Rewriter:
    """Rewrites the slice files of owned partitions on the I/O thread."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        io: Executor,
        forgets: bool,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self._settings = settings
        self._store = store
        self._io = io
        self._forgets = forgets
        self._clock = clock

    def turn(self, owned: ClaimedPartition) -> None:
        """Register the file that was written, and begin the next that is due.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable, ArtefactInvalid.
        """
        if owned.rewriting is not None and owned.rewriting.future.done():
            rewriting, owned.rewriting = owned.rewriting, None
            self._register(owned, rewriting.future.result()[0])
        if owned.rewriting is None and not owned.catching_up and owned.publishing is None:
            due = self._next(owned)
            if due is not None:
                self._begin(owned, *due)

    def _next(self, owned: ClaimedPartition) -> tuple[int, int, int] | None:
        """(shard, end) of a file to write again, and the `applied` to name it by. All are looked at once a second at
        most."""
        files, now = owned.kept(_Files), self._clock.monotonic()
        if owned.manifest is None or (not files.due and now < files.look_at):
            return None
        shards, published = range(self._settings.shards_per_partition), owned.manifest.applied
        safe = {shard: safe_before(owned.view, shard, published, self._forgets) for shard in shards}
        if not files.due:
            due = (key for key in self._candidates(owned) if self._name_for(owned, *key, published, safe[key[0]], now))
            files.due, files.look_at = list(due), now + _LOOK_EVERY
        while files.due:
            key = files.due.pop()
            applied = self._name_for(owned, *key, published, safe[key[0]], now)
            if applied is not None:
                return *key, applied
        return None

    @staticmethod
    def _candidates(owned: ClaimedPartition) -> Iterator[tuple[int, int]]:
        yield from owned.kept(LaterFiles).applied
        yield from ((shard, end) for shard, end, _ in owned.view.holed())

    def _name_for(
        self, owned: ClaimedPartition, shard: int, end: int, published: int, safe: int, now: float
    ) -> int | None:
        """The `applied` of the name by which a file is to be written again now; None where it is not.

        The rows that the new file lacks died before that offset, which the newest manifest has reached.
        """
        view, held = owned.view, owned.view.slices.get((shard, end))
        if held is None or shard in owned.running:
            return None
        later = owned.kept(LaterFiles).applied.get((shard, end))
        names = [later] if later is not None and may_be_renamed(view, shard, end, published, later) else []
        if held.first_death >= 0:
            if not rewritable(view, shard, end, safe):
                return None
            age = now - owned.kept(_Files).dead_since.setdefault((shard, end), now)
            if names or worth_it(held, age, self._settings.erase_after):
                names.append(held.last_death + 1)
        return max(names, default=None)

    def _begin(self, owned: ClaimedPartition, shard: int, end: int, applied: int) -> None:
        holes = owned.holes(shard, [end])[end]
        artefact = Artefact(owned.partition, shard, "slice", end, applied)
        writer = owned.writer()
        future = self._io.submit(self._write, artefact, owned.view.slices[shard, end].file or "", holes, writer)
        owned.rewriting = Sealing((end,), future, writer)

    def _write(self, artefact: Artefact, old: str, holes: Mapping[int, int], writer: str) -> list[Filed]:
        members = read_slice(self._store, old)
        alive = ~np.isin(members.slots, np.fromiter(holes, np.int64, len(holes)))
        return [write_slice(self._store, artefact, writer, members.take(alive))]

    def _register(self, owned: ClaimedPartition, filed: Filed) -> None:
        if filed.shard in owned.running:
            # A job that began meanwhile reads the old file, and may need the holes that would be dropped.
            return
        change = Change()
        register_file(owned, change, filed)
        owned.commit(change)
        owned.kept(_Files).dead_since.pop((filed.shard, filed.end), None)
        owned.counters["rewritten"] += 1
