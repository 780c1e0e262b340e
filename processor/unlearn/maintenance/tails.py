"""Tails: the open slice's rows in a file of the store, so that a claim needs to read only the log behind them.

One is written every `tail_every` seconds while rows are open, and before a worker leaves. If it is missing, the log is
read from the slice's start instead.
"""

from __future__ import annotations

from concurrent.futures import Executor

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import ArtefactInvalid, StoreUnavailable
from unlearn.partition.claimed_partition import ClaimedPartition, Tailing
from unlearn.partition.rows import Members
from unlearn.partition.tables import Change
from unlearn.settings import Settings
from unlearn.storage.artefacts import Artefact, Store, artefact_name
from unlearn.storage.slice_files import encode_slice, read_slice

__all__ = ["Tailer", "read_tail"]


class Tailer:
    """Writes tails on the I/O thread. One script registers a tail's name and the offset that it reaches."""

    def __init__(self, settings: Settings, store: Store, io: Executor, clock: Clock = MACHINE_CLOCK) -> None:
        self._settings = settings
        self._store = store
        self._io = io
        self._clock = clock

    def turn(self, owned: ClaimedPartition, *, leaving: bool = False) -> None:
        """Register a tail that was written, and begin the next if it is time, or at once if the worker is `leaving`.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        if owned.tailing is not None and owned.tailing.future.done():
            tailing, owned.tailing = owned.tailing, None
            self._register(owned, tailing.applied, tailing.future.result())
        waited = self._clock.monotonic() - owned.tailed_at
        if owned.tailing is None and (leaving or waited >= self._settings.tail_every):
            self._begin(owned)

    def _begin(self, owned: ClaimedPartition) -> None:
        owned.tailed_at = self._clock.monotonic()
        # The rows of a tail may have become files, and died, without any event since.
        if not len(owned.open_rows):
            self._register(owned, 0, "")
            return
        if owned.view.number("tail_to") == owned.view.applied:
            return
        artefact = Artefact(owned.partition, 0, "tail", owned.view.applied, owned.view.holed_before)
        future = self._io.submit(self._write, artefact, owned.open_rows.all(), owned.writer())
        owned.tailing = Tailing(owned.view.applied, future)

    def _write(self, artefact: Artefact, members: Members, writer: str) -> str:
        data = encode_slice(artefact.end, artefact.applied, members)
        name = artefact_name(artefact, writer, data)
        self._store.put(name, data)
        return name

    def _register(self, owned: ClaimedPartition, applied: int, name: str) -> None:
        if owned.view.meta.get("tail", "") == name:
            return
        change = Change()
        change.put("meta", "tail", name)
        change.put("meta", "tail_to", applied)
        owned.commit(change)
        owned.counters["tails"] += bool(name)


def read_tail(store: Store, name: str, reach: int) -> tuple[Members, int]:
    """(the tail's rows, the offset `reach` from which on the log must be read); no rows and 0 if it can't be read.

    Never raises: a tail is a shortcut.
    """
    if not name:
        return Members.empty(), 0
    try:
        return read_slice(store, name), reach
    except (StoreUnavailable, ArtefactInvalid):
        return Members.empty(), 0
