"""What a batch changes of the sums, slice ends and hits: which slice each row lives and dies in.

Slice boundaries depend on offsets alone: every multiple of `slice_span`, and after every seal. A slice in which no row
was accepted leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from unlearn.partition.slices.lineage import MODULUS
from unlearn.partition.slices.slot_sums import sum_by_shard, sum_slots
from unlearn.partition.tables import Change, Open, Slice, Tables

__all__ = ["NO_COLUMNS", "Columns", "Kill", "Ledger"]


class Kill(NamedTuple):
    """A row's death: its slot, the offset of the event that killed it, its shard."""

    slot: int
    death: int
    shard: int


class Columns(NamedTuple):
    """Accepted rows as columns, by rising slot: slots (n,) int64 and shards (n,) int32."""

    slots: NDArray[np.int64]
    shards: NDArray[np.int32]


NO_COLUMNS = Columns(np.zeros(0, np.int64), np.zeros(0, np.int32))


class Ledger:
    """Follows one batch from offset `start` on; `settle` writes what changed.

    Offsets must not go down between calls. `columns`: further accepted rows of the batch, none of which dies in it;
    they are counted where their slices end.
    """

    def __init__(self, view: Tables, start: int, slice_span: int, columns: Columns = NO_COLUMNS) -> None:
        self.ends: list[int] = []
        self.kills: list[Kill] = []
        self._view = view
        self._span = slice_span
        self._boundary = start - start % slice_span + slice_span
        self._open = dict(view.open)
        self._was_open = set(view.open)
        self._added: dict[int, list[int]] = {}
        self._columns, self._counted = columns, 0
        self._slices: dict[tuple[int, int], Slice] = {}
        self._hits: list[Kill] = []

    def reach(self, offset: int) -> None:
        """End the slices that end at or before `offset`, up to which the batch has come."""
        while offset >= self._boundary:
            self.end_slice(self._boundary)
            come_to = min(offset, self._next_of_columns(offset))
            self._boundary = come_to - come_to % self._span + self._span

    def end_slice(self, end: int) -> None:
        """End the open slice at `end`; nothing happens if no row was accepted in it."""
        self._gather()
        self._count_columns(end)
        if not self._open:
            return
        for shard, held in self._open.items():
            self._slices[shard, end] = Slice(held.sum, held.live, held.last_death, first_death=held.first_death)
        self._open = {}
        self.ends.append(end)

    def add(self, slot: int, shard: int) -> None:
        """Count an accepted row in the open slice of its shard."""
        slots = self._added.get(shard)
        if slots is None:
            self._added[shard] = [slot]
        else:
            slots.append(slot)

    def kill(self, kill: Kill) -> None:
        """Note a row that an event of this batch kills: `hit` and `bury` in one."""
        self.hit(kill)
        self.bury(kill)

    def bury(self, kill: Kill) -> None:
        """Take a dead row out of the sum of its slice, whether that is open or has ended; `settle` does it."""
        self.kills.append(kill)

    def hit(self, kill: Kill) -> None:
        """Note that the shard's rows from `kill.slot` on may have died, so that its states are checked; `bury` says
        which did."""
        self._hits.append(kill)

    def settle(self, change: Change, stop: int, drop_states: bool) -> None:
        """Write slices, open rows and hits into `change`, for a batch that ends at `stop`.

        With `drop_states` the stored states that hold a hit row are dropped.
        """
        self.reach(stop)
        self._gather()
        self._count_columns(stop)
        self._take_out()
        for key, value in self._slices.items():
            change.put("slices", key, value)
        for shard in self._was_open | self._open.keys():
            if shard in self._open:
                change.put("open", shard, self._open[shard])
            else:
                change.drop("open", shard)
        last_end = self.ends[-1] if self.ends else self._view.last_end
        for kill in self._hits:
            if kill.slot < last_end:
                change.put("hits", kill.shard, kill.death + 1)
            if drop_states:
                self._drop_states(change, kill)
            crash = self._view.crashes.get(kill.shard)
            if crash is not None and kill.slot < crash.end:
                # The shard's training may have failed at this row, so it gets another try.
                change.drop("crashes", kill.shard)

    def _gather(self) -> None:
        """Add the rows counted since to the sums, all at once: one by one would take longer than all the rest."""
        for shard, slots in self._added.items():
            held = self._open.get(shard, Open())
            self._open[shard] = _with(held, sum_slots(slots), len(slots))
        self._added = {}

    def _take_out(self) -> None:
        """Take the dead rows out of their slices' sums, all at once: what a slice held doesn't depend on the order."""
        groups: dict[tuple[int, int | None], list[Kill]] = {}
        for kill in self.kills:
            groups.setdefault((kill.shard, self._end_of(kill.slot)), []).append(kill)
        if not groups:
            return
        slots = np.array([kill.slot for kills in groups.values() for kill in kills], np.int64)
        numbers = np.repeat(np.arange(len(groups), dtype=np.int32), [len(kills) for kills in groups.values()])
        totals = sum_by_shard(slots, numbers)
        for ((shard, end), kills), (_, total, _) in zip(groups.items(), totals, strict=True):
            if end is None:
                self._open[shard] = _without(self._open[shard], total, kills)
            else:
                key = shard, end
                self._slices[key] = _without(self._slices.get(key) or self._view.slices[key], total, kills)

    def _next_of_columns(self, otherwise: int) -> int:
        slots = self._columns.slots
        return int(slots[self._counted]) if self._counted < len(slots) else otherwise

    def _count_columns(self, below: int) -> None:
        """Count the columns' rows below an offset that aren't counted yet in the open slices of their shards."""
        slots, shards = self._columns
        start, stop = self._counted, int(np.searchsorted(slots, below))
        self._counted = stop
        for shard, total, rows in sum_by_shard(slots[start:stop], shards[start:stop]):
            self._open[shard] = _with(self._open.get(shard, Open()), total, rows)

    def _drop_states(self, change: Change, kill: Kill) -> None:
        for through in self._view.states_beyond(kill.shard, kill.slot):
            change.drop("states", (kill.shard, through))

    def _end_of(self, slot: int) -> int | None:
        if slot < self._view.last_end:
            return self._view.end_of(slot)
        return next((end for end in self.ends if slot < end), None)


def _with(held: Open, total: int, rows: int) -> Open:
    return held._replace(sum=(held.sum + total) % MODULUS, live=held.live + rows, accepted=held.accepted + rows)


_Held = TypeVar("_Held", Open, Slice)


def _without(held: _Held, total: int, kills: Sequence[Kill]) -> _Held:
    """What is left without these dead rows, whose slots' hashes add up to `total`."""
    # Deaths don't come in order: a clean-up's are older than those of rows killed since its subject was deleted.
    deaths = [kill.death for kill in kills]
    first = min(deaths) if held.first_death < 0 else min(held.first_death, *deaths)
    last = max(held.last_death, *deaths)
    live = held.live - len(kills)
    return held._replace(sum=(held.sum - total) % MODULUS, live=live, last_death=last, first_death=first)
