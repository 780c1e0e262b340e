"""What a batch changes of the sums, slice ends and hits: which slice each row lives and dies in.

Slice boundaries depend on offsets alone: every multiple of `slice_span`, and after every seal. A slice in which no row
was accepted leaves no trace.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from unlearn.partition.lineage import MODULUS, slot_hash, sum_slots
from unlearn.partition.tables import Change, Open, Slice, Tables

__all__ = ["Kill", "Ledger"]


class Kill(NamedTuple):
    """A row's death: its slot, the offset of the event that killed it, its shard."""

    slot: int
    death: int
    shard: int


class Ledger:
    """Follows one batch from offset `start` on; `settle` writes what changed.

    Offsets must not go down between calls.
    """

    def __init__(self, view: Tables, start: int, slice_span: int) -> None:
        self.ends: list[int] = []
        self.kills: list[Kill] = []
        self._view = view
        self._span = slice_span
        self._boundary = start - start % slice_span + slice_span
        self._open = dict(view.open)
        self._was_open = set(view.open)
        self._added: dict[int, list[int]] = {}
        self._slices: dict[tuple[int, int], Slice] = {}
        self._hits: list[Kill] = []

    def reach(self, offset: int) -> None:
        """End the slices that end at or before `offset`, up to which the batch has come."""
        if offset >= self._boundary:
            self.end_slice(self._boundary)
            self._boundary = offset - offset % self._span + self._span

    def end_slice(self, end: int) -> None:
        """End the open slice at `end`; nothing happens if no row was accepted in it."""
        self._gather()
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
        """Take a dead row out of the sum of its slice, whether that is open or has ended."""
        self.kills.append(kill)
        end = self._end_of(kill.slot)
        if end is None:
            self._gather()
            self._open[kill.shard] = _without(self._open[kill.shard], kill)
            return
        key = kill.shard, end
        self._slices[key] = _without(self._slices.get(key) or self._view.slices[key], kill)

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
            total, live = (held.sum + sum_slots(slots)) % MODULUS, held.live + len(slots)
            self._open[shard] = held._replace(sum=total, live=live, accepted=held.accepted + len(slots))
        self._added = {}

    def _drop_states(self, change: Change, kill: Kill) -> None:
        for shard, through in self._view.states:
            if shard == kill.shard and through > kill.slot:
                change.drop("states", (shard, through))

    def _end_of(self, slot: int) -> int | None:
        if slot < self._view.last_end:
            return self._view.end_of(slot)
        return next((end for end in self.ends if slot < end), None)


_Held = TypeVar("_Held", Open, Slice)


def _without(held: _Held, kill: Kill) -> _Held:
    total = (held.sum - slot_hash(kill.slot)) % MODULUS
    # Deaths don't come in order: a clean-up's are older than those of rows killed since its subject was deleted.
    first = kill.death if held.first_death < 0 else min(held.first_death, kill.death)
    last = max(held.last_death, kill.death)
    return held._replace(sum=total, live=held.live - 1, last_death=last, first_death=first)
