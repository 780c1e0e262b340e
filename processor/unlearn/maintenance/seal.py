"""Step 8 of the loop: ended slices become files, and a slice of rows that wait too long is ended by a seal event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.log.protocol import Log, Producer
from unlearn.partition.claimed_partition import ClaimedPartition, Filed, Sealing
from unlearn.partition.rows import Members
from unlearn.partition.slices.subject_filters import SubjectFilters
from unlearn.partition.tables import Change, Tables
from unlearn.settings import Settings
from unlearn.storage.artefacts import Artefact, Store
from unlearn.storage.slice_writer import register_file, write_slice

__all__ = ["SEAL_EVENT", "Sealer", "ends_to_file", "seal_due"]

_LOOK_EVERY = 1.0
"""Seconds between looks at the log's end, which asks the broker."""

_MOST_SLICES = 16
_MOST_ROWS = 50_000
"""How many ended slices, and rows in them, one job writes and one script registers; one slice may have more rows."""

SEAL_EVENT = b'{"type":"seal"}'


def seal_due(waited: float | None, seal_after: float, own_seal_applied: bool) -> bool:
    """Whether the owner should append a seal, if it has applied the log to its end.

    `waited`: for how many seconds open rows have waited, None if there are none; `seal_after`: for how many they may;
    `own_seal_applied`: no earlier seal of this owner is on its way.
    """
    return waited is not None and waited >= seal_after and own_seal_applied


@dataclass(slots=True)
class _Seals:
    holes_since: float | None = None
    """Since when all open rows are dead and have holes (monotonic seconds)."""
    own: Future[int] | None = None
    """The newest seal that this owner appended."""
    look_at: float = float("-inf")
    """When the log's end may be asked for again (monotonic seconds)."""


def _waited(owned: ClaimedPartition, now: float) -> float | None:
    """Seconds for which the open slice has held rows; None if it holds none.

    Dead rows count too if none lives: only with the slice's end do their holes go, and can `erased_through` pass them.
    """
    seals = owned.kept(_Seals)
    if owned.rows_since is not None:
        seals.holes_since = None
        return now - owned.rows_since
    if all(held.first_death < 0 for held in owned.view.open.values()):
        seals.holes_since = None
        return None
    if seals.holes_since is None:
        seals.holes_since = now
    return now - seals.holes_since


def ends_to_file(view: Tables) -> tuple[int, ...]:
    """The ends of the next slices to write files of, in order: all that have ended, within the bounds of one job."""
    found: list[int] = []
    rows = 0
    for end in view.ends_after(view.registered)[:_MOST_SLICES]:
        rows += sum(view.slices[shard, end].live for shard in view.shards_at(end))
        if found and rows > _MOST_ROWS:
            break
        found.append(end)
    return tuple(found)


class Sealer:
    """Writes the files of the slices that have ended on the I/O thread, and registers them by one script."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        producer: Producer,
        store: Store,
        io: Executor,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self._settings = settings
        self._log = log
        self._producer = producer
        self._store = store
        self._io = io
        self._clock = clock

    def turn(self, owned: ClaimedPartition) -> None:
        """Register the files that were written, and begin with the slices that have ended since.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        if owned.sealing is not None and owned.sealing.future.done():
            sealing, owned.sealing = owned.sealing, None
            self._register(owned, sealing.ends, sealing.future.result())
        if owned.sealing is None:
            self._begin(owned)

    def append_seal(self, owned: ClaimedPartition) -> None:
        """Append a seal event if one is due. Raises LogUnavailable."""
        if owned.catching_up or owned.partition >= self._settings.partitions:
            return
        now, seals = self._clock.monotonic(), owned.kept(_Seals)
        waited = _waited(owned, now)
        if now < seals.look_at or not seal_due(waited, self._settings.seal_after, self._seal_applied(owned)):
            return
        seals.look_at = now + _LOOK_EVERY
        if self._at_end(owned):
            seals.own = self._producer.send(self._settings.events_topic, owned.partition, None, SEAL_EVENT)

    def _seal_applied(self, owned: ClaimedPartition) -> bool:
        sent = owned.kept(_Seals).own
        if sent is None or (sent.done() and sent.exception() is not None):
            return True
        return sent.done() and owned.view.applied > sent.result()

    def _at_end(self, owned: ClaimedPartition) -> bool:
        return owned.view.applied >= self._log.bounds(self._settings.events_topic)[owned.partition][1]

    def _begin(self, owned: ClaimedPartition) -> None:
        ends = ends_to_file(owned.view)
        if not ends:
            return
        members = owned.open_rows.cut(ends)
        for (end, shard), rows in members.items():
            owned.kept(SubjectFilters).add(shard, end, rows.subjects, self._settings.subject_memory)
        before, writer = owned.view.holed_before, owned.writer()
        future = self._io.submit(self._write, owned.partition, before, members, writer)
        owned.sealing = Sealing(ends, future, writer)

    def _write(
        self, partition: int, applied: int, members: Mapping[tuple[int, int], Members], writer: str
    ) -> list[Filed]:
        return [
            write_slice(self._store, Artefact(partition, shard, "slice", end, applied), writer, rows)
            for (end, shard), rows in members.items()
        ]

    def _register(self, owned: ClaimedPartition, ends: Sequence[int], files: list[Filed]) -> None:
        change = Change()
        written = {(filed.shard, filed.end): filed for filed in files}
        for end in ends:
            for shard in owned.view.shards_at(end):
                register_file(owned, change, written.get((shard, end), Filed(shard, end, "", frozenset())))
        change.put("meta", "registered", ends[-1])
        owned.commit(change)
        owned.open_rows.drop(ends[-1])
        owned.counters["slices"] += len(ends)
