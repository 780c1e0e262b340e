"""Step 8 of the loop: ended slices become files, idle open rows get a seal event."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor

from processor.log.protocol import Log, Producer
from processor.owned import Owned, Sealing, Written
from processor.settings import Settings
from processor.slices import Members, encode_slice
from processor.store import Store, artefact_name
from processor.view import Change

__all__ = ["SEAL_EVENT", "Sealer", "seal_due"]

SEAL_EVENT = b'{"type":"seal"}'


def seal_due(waited: float | None, seal_after: float, own_seal_applied: bool) -> bool:
    """Whether the owner should append a seal, once it stands at the log's end. Times in s."""
    return waited is not None and waited >= seal_after and own_seal_applied


class Sealer:
    """Writes slice files on the I/O thread and registers them by one script a slice."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        producer: Producer,
        store: Store,
        io: Executor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._log = log
        self._producer = producer
        self._store = store
        self._io = io
        self._clock = clock

    def turn(self, owned: Owned) -> None:
        """Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable."""
        if owned.sealing is not None and owned.sealing.future.done():
            sealing, owned.sealing = owned.sealing, None
            self._register(owned, sealing, sealing.future.result())
        if owned.sealing is None:
            self._begin(owned)

    def append_seal(self, owned: Owned) -> None:
        """Append a seal event where one is due. Raises LogUnavailable."""
        if owned.catching_up or owned.partition >= self._settings.partitions:
            return
        waited = None if owned.rows_since is None else self._clock() - owned.rows_since
        if seal_due(waited, self._settings.seal_after, self._seal_applied(owned)) and self._at_end(owned):
            owned.own_seal = self._producer.send(self._settings.events_topic, owned.partition, None, SEAL_EVENT)

    def _seal_applied(self, owned: Owned) -> bool:
        sent = owned.own_seal
        if sent is None or (sent.done() and sent.exception() is not None):
            return True
        return sent.done() and owned.view.applied > sent.result()

    def _at_end(self, owned: Owned) -> bool:
        return owned.view.applied >= self._log.bounds(self._settings.events_topic)[owned.partition][1]

    def _begin(self, owned: Owned) -> None:
        end = next((end for end in owned.view.ends if end > owned.view.registered), None)
        if end is None:
            return
        members = owned.open_rows.select(end)
        omitted = [(shard, slot) for shard, slots in owned.open_rows.dead_below(end).items() for slot in slots]
        writer = f"{owned.token.counter}-{owned.token.nonce[:8]}-{owned.next_sequence()}"
        future = self._io.submit(self._write, owned.partition, end, owned.view.applied, members, writer)
        owned.sealing = Sealing(end, omitted, future)

    def _write(self, partition: int, end: int, applied: int, members: dict[int, Members], writer: str) -> Written:
        written: Written = []
        for shard, rows in members.items():
            data = encode_slice(end, applied, rows)
            name = artefact_name(partition, shard, "slice", writer, data)
            self._store.put(name, data)
            written.append((shard, name, len(rows)))
        return written

    def _register(self, owned: Owned, sealing: Sealing, written: Written) -> None:
        view, change, end = owned.view, Change(), sealing.end
        files = {shard: (name, rows) for shard, name, rows in written}
        for shard in [shard for shard, e in view.slices if e == end]:
            name, rows = files.get(shard, ("", 0))
            change.put("slices", (shard, end), view.slices[shard, end]._replace(file=name, rows=rows))
        change.put("meta", "registered", end)
        for shard, slot in sealing.omitted:
            # No file holds these rows, so nothing will ever ask who killed them.
            change.ops.append(("HDEL", owned.state.keys.holes(shard, view.start_of(slot)), str(slot)))
        change.put("meta", "holes", view.number("holes") - len(sealing.omitted))
        owned.commit(change)
        owned.open_rows.drop(end)
        owned.counters["slices"] += 1
