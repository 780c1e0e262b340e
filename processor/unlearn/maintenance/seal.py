"""Step 8 of the loop: ended slices become files, and a slice of rows that wait too long is ended by a seal event."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.log.protocol import Log, Producer
from unlearn.partition.claimed_partition import ClaimedPartition, Filed, Sealing
from unlearn.partition.rows import Members
from unlearn.partition.tables import Change
from unlearn.settings import Settings
from unlearn.storage.artefacts import Artefact, Store
from unlearn.storage.slice_writer import register_file, write_slice

__all__ = ["SEAL_EVENT", "Sealer", "seal_due"]

_LOOK_EVERY = 1.0
"""Seconds between looks at the log's end, which asks the broker."""

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


class Sealer:
    """Writes slice files on the I/O thread, and registers each slice's files by one script."""

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
        """Register the files that were written, and begin with the next slice that has ended.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        if owned.sealing is not None and owned.sealing.future.done():
            sealing, owned.sealing = owned.sealing, None
            self._register(owned, sealing.end, sealing.future.result())
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
        end = next(iter(owned.view.ends_after(owned.view.registered)), None)
        if end is None:
            return
        members = owned.open_rows.select(end)
        before, writer = owned.view.holed_before, owned.writer()
        future = self._io.submit(self._write, owned.partition, end, before, members, writer)
        owned.sealing = Sealing(end, future, writer)

    def _write(self, partition: int, end: int, applied: int, members: dict[int, Members], writer: str) -> list[Filed]:
        return [
            write_slice(self._store, Artefact(partition, shard, "slice", end, applied), writer, rows)
            for shard, rows in members.items()
        ]

    def _register(self, owned: ClaimedPartition, end: int, files: list[Filed]) -> None:
        change = Change()
        written = {filed.shard: filed for filed in files}
        for shard in [shard for shard, e in owned.view.slices if e == end]:
            register_file(owned, change, end, written.get(shard, Filed(shard, "", frozenset())))
        change.put("meta", "registered", end)
        owned.commit(change)
        owned.open_rows.drop(end)
        owned.counters["slices"] += 1
