"""Which inserts become rows, and what kills them: the rules of membership written a second time, pair by pair."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.log.protocol import Record
from unlearn.verification.reference import Model
from unlearn.verification.reference_facts import OF_NO_SUBJECT, Fact, facts_of
from unlearn.verification.reference_subjects import DELETION, LIFT, NEVER, REFUSED

_NO_ROW = -1
_AT_ONCE = 1000


class Row(NamedTuple):
    """An accepted insert; `end` is that of its slice, beyond the log's end while the slice is open."""

    slot: int
    shard: int
    end: int


@dataclass(frozen=True)
class Members:
    """Every row ever accepted in one partition, in the order of slots, 20 bytes each, and where slices end.

    `slots`: (n,) int64. `shards`: (n,) int32. `deaths`: (n,) int64, the offset of what killed the row, or NEVER.
    """

    slice_span: int
    seals: array[int]
    slots: NDArray[np.int64]
    shards: NDArray[np.int32]
    deaths: NDArray[np.int64]

    def end_of(self, slot: int) -> int:
        """The end of the slice that the slot lies in."""
        later = self.seals[(at := bisect_right(self.seals, slot)) : at + 1]
        return min([(int(slot) // self.slice_span + 1) * self.slice_span, *later])

    def is_end(self, offset: int) -> bool:
        """Whether a slice may end here; 0 is the end before the first."""
        return offset == 0 or self.end_of(offset - 1) == offset

    def last_end(self, applied: int) -> int:
        """The newest slice end up to `applied` with an accepted row in its slice, in any shard; 0 if there is none."""
        ended = bisect_right(self.slots, applied, key=self.end_of)
        return self.end_of(self.slots[ended - 1]) if ended else 0

    def killed(self) -> Counter[int]:
        """How many rows each event has killed, by its offset."""
        offsets, counts = np.unique(self.deaths[self.deaths != NEVER], return_counts=True)
        return Counter(dict(zip(offsets.tolist(), counts.tolist(), strict=True)))

    def held(self, through: Mapping[int, int], applied: int) -> Iterator[Row]:
        """The rows alive as of `applied` in each shard's slices up to its `through`; none of shards not named."""
        for start in range(0, len(self.slots), _AT_ONCE):
            columns = (each[start : start + _AT_ONCE].tolist() for each in (self.slots, self.shards, self.deaths))
            for slot, shard, death in zip(*columns, strict=True):
                if death >= applied and slot < through.get(shard, 0) and (end := self.end_of(slot)) <= through[shard]:
                    yield Row(slot, shard, end)


def members_of(model: Model, partition: int, records: Iterable[Record]) -> Members:
    """The rows of this partition, by its records in the order of offsets."""
    facts = facts_of(model, partition, records)
    deaths = np.full(len(facts.offsets), _NO_ROW)
    for of_pair in facts.by_pair():
        for place, death in rows_of(of_pair):
            deaths[place] = death
    taken = deaths != _NO_ROW
    slots, shards = (np.asarray(column)[taken] for column in (facts.offsets, facts.shards))
    return Members(model.slice_span, facts.seals, slots, shards, deaths[taken])


def rows_of(facts: Iterable[Fact]) -> Iterator[tuple[int, int]]:
    """The rows that a pair of record and subject ever had, by all that touches it in the order of offsets.

    Yields the place and the death of each accepted insert.
    """
    row: Fact | None = None
    # The highest revision deleted: of the subject's record, of the one without a subject, and under every subject.
    tombs = {"pair": -1, "alone": -1, "everywhere": -1}
    for fact in facts:
        deletion = fact.shard in (DELETION, OF_NO_SUBJECT)
        of = "pair" if fact.subject else "alone" if fact.shard == OF_NO_SUBJECT else "everywhere"
        if row and row.gone < fact.offset:
            yield row.place, row.gone
            row = None
        if fact.shard == LIFT:
            tombs[of] = -1
            if of == "everywhere":
                tombs["alone"] = -1
            continue
        if deletion:
            tombs[of] = max(tombs[of], fact.revision)
        elif fact.gone == REFUSED or fact.revision <= max(*tombs.values(), row.revision if row else -1):
            continue
        if row and row.revision <= fact.revision:
            yield row.place, fact.offset
            row = None
        if not deletion:
            row = fact
    if row:
        yield row.place, row.gone
