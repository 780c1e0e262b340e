"""What a version learned and forgot, by plain sets; which rows of it are dead; and where the log says otherwise."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unlearn.admin.versions.counting import Dead, LogRows, contradiction, count, dead_in
from unlearn.results.history import ShardRows
from unlearn.results.versions import Version
from unlearn.verification.reference_subjects import NEVER

SHARDS = 3


class Rows(NamedTuple):
    slots: Any
    shards: Any
    deaths: Any


@st.composite
def drawn_rows(draw: st.DrawFn) -> Rows:
    """Rows at some of 30 offsets; what kills one stands behind it, and may be a row itself."""
    slots = sorted(draw(st.sets(st.integers(0, 29), max_size=15)))
    shards = [draw(st.integers(0, SHARDS - 1)) for _ in slots]
    deaths = [draw(st.one_of(st.just(NEVER), st.integers(slot + 1, 40))) for slot in slots]
    return Rows(np.array(slots, np.int64), np.array(shards, np.int32), np.array(deaths, np.int64))


def version(number: int, applied: int, through: list[int], rows: list[int] | None = None) -> Version:
    shards = {
        s: ShardRows(shard=s, through=reach, rows=0 if rows is None else rows[s]) for s, reach in enumerate(through)
    }
    return Version(number, None, applied, shards, True, 1)


reaches = st.lists(st.integers(0, 40), min_size=SHARDS, max_size=SHARDS)


def held(rows: LogRows, of: Version) -> set[tuple[int, int, int]]:
    """(slot, shard, death) of the rows that a version holds."""
    every = zip(rows.slots.tolist(), rows.shards.tolist(), rows.deaths.tolist(), strict=True)
    return {row for row in every if row[0] < of.shards[row[1]].through and row[2] >= of.applied}


@given(drawn_rows(), st.integers(0, 40), st.integers(0, 40), reaches, reaches)
def test_counts_are_those_of_sets(rows: Rows, one: int, other: int, first: list[int], second: list[int]) -> None:
    before, after = version(1, min(one, other), first), version(2, max(one, other), second)
    old, new = held(rows, before), held(rows, after)
    gone, slots = old - new, set(rows.slots.tolist())
    dead = {row for row in gone if row[2] < after.applied}

    found = count(rows, before, after)

    assert found.learned == len(new - old)
    assert found.replaced == sum(row[2] in slots for row in dead)
    assert found.forgotten == len(dead) - found.replaced
    assert found.withheld == len(gone - dead)
    assert found.shards == tuple(sorted({shard for _, shard, _ in old ^ new}))
    assert len(new) == len(old) + found.learned - found.forgotten - found.replaced - found.withheld


@given(drawn_rows(), st.integers(0, 40), reaches, st.integers(0, 41))
def test_the_dead_are_those_killed_since(rows: Rows, applied: int, through: list[int], end: int) -> None:
    one = version(1, applied, through)
    dead = [row for row in held(rows, one) if row[2] < end]
    replaced = sum(row[2] in set(rows.slots.tolist()) for row in dead)

    assert dead_in(rows, one.shards, applied, end) == Dead(len(dead) - replaced, replaced)


@given(drawn_rows(), st.integers(0, 40), reaches, st.integers(0, SHARDS - 1), st.integers(-2, 2))
def test_another_number_of_rows_is_a_contradiction(
    rows: Rows, applied: int, through: list[int], shard: int, more: int
) -> None:
    there = held(rows, version(1, applied, through))
    sizes = [sum(row[1] == each for row in there) for each in range(SHARDS)]
    sizes[shard] = max(0, sizes[shard] + more)
    changed = sizes[shard] != sum(row[1] == shard for row in there)

    found = contradiction(rows, version(1, applied, through, sizes))

    assert (found is not None) == changed
    assert found is None or f"shard {shard} of version 1" in found
