"""Which inserts become rows, and what kills them: the rules of membership written a second time, record by record."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.log.protocol import Record
from unlearn.verification.reference import Model
from unlearn.verification.reference_facts import DELETION, Fact, Facts, facts_of

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
    deaths = _all_deaths(facts)
    taken = deaths != _NO_ROW
    slots, shards = (np.asarray(column)[taken] for column in (facts.offsets, facts.shards))
    return Members(model.slice_span, facts.seals, slots, shards, deaths[taken])


def deaths_of(facts: Iterable[Fact]) -> dict[int, int]:
    """What one record's events, in the order of offsets, make of it: place of each accepted insert -> its death."""
    deaths: dict[int, int] = {}
    live: dict[bytes, Fact] = {}  # subject -> its row
    tombs: dict[bytes, int] = {}  # subject, or b"" for every subject -> the highest revision deleted
    for fact in facts:
        subject = fact.subject
        if fact.shard == DELETION:
            tombs[subject] = max(fact.revision, tombs.get(subject, -1))
            hit = [subject] if subject else list(live)
        else:
            known = live[subject].revision if subject in live else -1
            if fact.gone < fact.offset or fact.revision <= max(known, tombs.get(subject, -1), tombs.get(b"", -1)):
                continue
            hit = [subject]
        for each in hit:
            if each in live and live[each].revision <= fact.revision:
                killed = live.pop(each).place
                deaths[killed] = min(deaths[killed], fact.offset)
        if fact.shard != DELETION:
            live[subject] = fact
            deaths[fact.place] = fact.gone
    return deaths


def _all_deaths(facts: Facts) -> NDArray[np.int64]:
    found = np.full(len(facts.offsets), _NO_ROW)
    for of_one in facts.by_record():
        for place, death in deaths_of(of_one).items():
            found[place] = death
    return found
