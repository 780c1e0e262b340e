"""What is asked of one shard's ended slices, kept up with each change, so that an answer costs what it names.

Everything here follows from the shard's entries in the table `slices` alone, and can be made from them at any time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from unlearn.partition.slices.lineage import EMPTY, chain
from unlearn.partition.slices.prefix_sums import PrefixSums
from unlearn.partition.slices.sorted_numbers import keep_sorted

__all__ = ["Counted", "ShardSlices", "Slice"]


class Slice(NamedTuple):
    """A shard's rows in an ended slice.

    `sum` is the sum of its live slots' hashes (see `lineage`), `last_death` an offset.
    """

    sum: int = 0
    live: int = 0
    last_death: int = -1
    file: str | None = None
    """The name of its file; None until it is registered; empty if no row was left to store."""
    rows: int = 0
    """How many rows the file holds, dead ones included."""
    first_death: int = -1
    """The lowest death among the rows whose holes are still in Redis; -1 if there are none."""


class Counted(NamedTuple):
    """Sums over several slices of a shard, of the fields of the same names."""

    sum: int
    live: int
    rows: int


class ShardSlices:
    """One shard's slices by their ends; `put` keeps up with the table."""

    def __init__(self, slices: Iterable[tuple[int, Slice]] = ()) -> None:
        """`slices`: (end, slice) of each, in any order."""
        self._fill(slices)

    def put(self, end: int, held: Slice) -> None:
        """Enter a slice that is new or has changed."""
        before = self._slices.get(end)
        if before is not None:
            self._replace(end, before, held)
        elif not self._ends or end > self._ends[-1]:
            self._append(end, held)
        else:
            # Slices end in the order of the log; only tables made by hand have one come later.
            self._fill([*self._slices.items(), (end, held)])

    def drop(self, ends: Collection[int]) -> None:
        """Remove slices, of those that are there. It costs as much as all slices, however many it removes."""
        if any(end in self._slices for end in ends):
            self._fill([(at, held) for at, held in self._slices.items() if at not in ends])

    def __len__(self) -> int:
        return len(self._ends)

    def after(self, offset: int = -1) -> Iterator[tuple[int, Slice]]:
        """(end, slice) of the slices that end beyond an offset, in order. None may change meanwhile."""
        return self._from(self._ends, offset)

    def with_rows(self, after: int = -1) -> Iterator[tuple[int, Slice]]:
        """As `after`, without slices of which no row was left to store: their file's name is empty."""
        return self._from(self._with_rows, after)

    def ends_with_rows(self, after: int, through: int) -> list[int]:
        """The ends beyond `after`, and up to `through`, of the slices that `with_rows` gives, in order."""
        return self._with_rows[bisect_right(self._with_rows, after) : bisect_right(self._with_rows, through)]

    def died_since(self, offset: int) -> list[int]:
        """The ends of the slices whose last death is at this offset or later, in order."""
        return sorted(end for _, end in self._deaths[bisect_left(self._deaths, (offset, -1)) :])

    def holed(self) -> Iterator[tuple[int, Slice]]:
        """(end, slice) of the slices with holes in Redis, in no order to rely on."""
        return ((end, self._slices[end]) for end in self._holed)

    def counted(self, through: int) -> Counted:
        """The sums over the slices that end at `through` or before."""
        count = self.count(through)
        return Counted(self._sums.first(count), self._live.first(count), self._rows.first(count))

    def count(self, through: int) -> int:
        """How many slices end at `through` or before."""
        return bisect_right(self._ends, through)

    def lineage(self, through: int) -> str:
        """The lineage of the living rows of the slices up to `through`."""
        count = self.count(through)
        for at in range(len(self._lineages), count):
            end = self._ends[at]
            before, held = self._lineages[-1] if self._lineages else EMPTY, self._slices[end]
            self._lineages.append(chain(before, end, held.sum) if held.live else before)
        return self._lineages[count - 1] if count else EMPTY

    def _from(self, ends: list[int], offset: int) -> Iterator[tuple[int, Slice]]:
        return ((ends[at], self._slices[ends[at]]) for at in range(bisect_right(ends, offset), len(ends)))

    def _fill(self, slices: Iterable[tuple[int, Slice]]) -> None:
        ordered = sorted(slices)
        self._slices: dict[int, Slice] = dict(ordered)
        self._ends: list[int] = [end for end, _ in ordered]
        self._with_rows: list[int] = [end for end, held in ordered if held.file != ""]
        self._deaths: list[tuple[int, int]] = sorted(
            (held.last_death, end) for end, held in ordered if held.last_death >= 0
        )
        """(last death, end) of the slices with a death, sorted."""
        self._holed: dict[int, None] = {end: None for end, held in ordered if held.first_death >= 0}
        self._sums = PrefixSums(held.sum for _, held in ordered)
        self._live = PrefixSums(held.live for _, held in ordered)
        self._rows = PrefixSums(held.rows for _, held in ordered)
        self._lineages: list[str] = []
        """The lineage after each of the first slices: as far as it was asked for since one of them changed."""

    def _append(self, end: int, held: Slice) -> None:
        self._slices[end] = held
        self._ends.append(end)
        self._sums.append(held.sum)
        self._live.append(held.live)
        self._rows.append(held.rows)
        self._enter(end, held)

    def _replace(self, end: int, before: Slice, held: Slice) -> None:
        at = bisect_left(self._ends, end)
        self._leave(end, before)
        self._slices[end] = held
        self._sums.add(at, held.sum - before.sum)
        self._live.add(at, held.live - before.live)
        self._rows.add(at, held.rows - before.rows)
        if (held.sum, held.live) != (before.sum, before.live):
            del self._lineages[at:]
        self._enter(end, held)

    def _enter(self, end: int, held: Slice) -> None:
        keep_sorted(self._with_rows, end, there=held.file != "")
        if held.last_death >= 0:
            insort(self._deaths, (held.last_death, end))
        if held.first_death >= 0:
            self._holed[end] = None

    def _leave(self, end: int, held: Slice) -> None:
        if held.last_death >= 0:
            del self._deaths[bisect_left(self._deaths, (held.last_death, end))]
        self._holed.pop(end, None)
