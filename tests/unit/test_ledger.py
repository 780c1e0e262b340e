"""Sums, ends and hits of one batch."""

from __future__ import annotations

import random

import numpy as np
import pytest

from unlearn.partition.ledger import Columns, Kill, Ledger
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import Change, State, Tables

SPAN = 10


def settled(view: Tables, ledger: Ledger, stop: int, drop_states: bool = False) -> Tables:
    change = Change()
    ledger.settle(change, stop, drop_states)
    view.apply(change, stop)
    return view


def slices(view: Tables) -> dict[tuple[int, int], tuple[int, int, int]]:
    """(shard, end) -> (sum, live rows, last death)."""
    return {key: (held.sum, held.live, held.last_death) for key, held in view.slices.items()}


def opened(view: Tables) -> dict[int, tuple[int, int, int, int]]:
    return {shard: (held.sum, held.live, held.last_death, held.accepted) for shard, held in view.open.items()}


def filled(*slots: int, stop: int, seals: tuple[int, ...] = ()) -> Tables:
    """A view that has accepted rows of shard 0 at these slots, up to `stop`."""
    view = Tables({})
    ledger = Ledger(view, 0, SPAN)
    for offset in sorted({*slots, *seals}):
        ledger.reach(offset)
        if offset in seals:
            ledger.end_slice(offset + 1)
        else:
            ledger.add(offset, 0)
    return settled(view, ledger, stop)


def put_states(view: Tables, *keys: tuple[int, int]) -> None:
    change = Change()
    for key in keys:
        change.put("states", key, State(0, "", ""))
    view.apply(change, view.applied)


def test_a_slice_ends_at_the_span_whoever_comes_next() -> None:
    assert slices(filled(9, stop=10)) == {(0, 10): (sum_slots([9]), 1, -1)}
    assert opened(filled(9, stop=10)) == {}
    assert opened(filled(8, stop=9)) == {0: (sum_slots([8]), 1, -1, 1)}
    assert opened(filled(9, 10, stop=11)) == {0: (sum_slots([10]), 1, -1, 1)}


def test_a_jump_over_many_ends_makes_one() -> None:
    assert filled(3, 47, stop=48).ends == [10]


def test_a_seal_ends_the_slice_behind_itself() -> None:
    assert filled(3, 5, stop=6, seals=(4,)).ends == [5]
    assert filled(3, stop=10, seals=(9,)).ends == [10]


def test_an_end_without_accepted_rows_leaves_no_trace() -> None:
    assert filled(stop=35, seals=(4, 22)).ends == []
    assert filled(3, stop=35, seals=(4, 5, 22)).ends == [5]


def test_an_end_behind_dead_rows_alone_is_there() -> None:
    view = Tables({})
    ledger = Ledger(view, 0, SPAN)
    ledger.add(1, 0)
    ledger.kill(Kill(1, 2, 0))

    settled(view, ledger, 10)

    assert slices(view) == {(0, 10): (0, 0, 2)}


def test_a_kill_leaves_the_sum_of_its_slice_wherever_that_is() -> None:
    view = filled(3, 4, 12, stop=13)
    ledger = Ledger(view, 13, SPAN)

    ledger.kill(Kill(3, 13, 0))
    ledger.kill(Kill(12, 14, 0))
    settled(view, ledger, 15)

    assert slices(view) == {(0, 10): (sum_slots([4]), 1, 13)}
    assert opened(view) == {0: (0, 0, 14, 1)}


def test_only_a_kill_in_an_ended_slice_is_a_hit() -> None:
    view = filled(3, 12, stop=13)
    ledger = Ledger(view, 13, SPAN)

    ledger.kill(Kill(12, 13, 0))
    assert settled(view, ledger, 14).hits == {}

    ledger = Ledger(view, 14, SPAN)
    ledger.kill(Kill(3, 14, 0))
    assert settled(view, ledger, 15).hits == {0: 15}


def test_a_batch_that_passes_the_end_counts_the_kills_before_it() -> None:
    view = filled(12, stop=13)
    ledger = Ledger(view, 13, SPAN)

    ledger.kill(Kill(12, 13, 0))

    assert settled(view, ledger, 20).hits == {0: 14}


def test_states_that_hold_the_row_go_and_others_stay() -> None:
    view = filled(3, 12, stop=20)
    put_states(view, (0, 10), (0, 20), (1, 10), (1, 20))
    ledger = Ledger(view, 20, SPAN)

    ledger.kill(Kill(12, 20, 0))

    assert settled(view, ledger, 21, drop_states=True).states.keys() == {(0, 10), (1, 10), (1, 20)}


def test_the_first_slot_of_a_slice_is_not_in_the_state_before_it() -> None:
    view = filled(3, 10, stop=20)
    put_states(view, (0, 10))
    ledger = Ledger(view, 20, SPAN)

    ledger.kill(Kill(10, 20, 0))

    assert settled(view, ledger, 21, drop_states=True).states.keys() == {(0, 10)}


def test_a_clean_up_never_hides_a_newer_death() -> None:
    # A learner that forgets would pass over the slice, and keep the row that died at 30.
    view = filled(3, 4, stop=30)
    ledger = Ledger(view, 30, SPAN)
    ledger.kill(Kill(3, 30, 0))
    settled(view, ledger, 31)

    ledger = Ledger(view, 31, SPAN)
    ledger.bury(Kill(4, 20, 0))
    settled(view, ledger, 31)

    assert slices(view) == {(0, 10): (0, 0, 30)}


def test_a_burial_is_no_hit() -> None:
    view = filled(3, stop=30)
    ledger = Ledger(view, 30, SPAN)

    ledger.bury(Kill(3, 20, 0))

    assert settled(view, ledger, 30).hits == {}


@pytest.mark.parametrize("seed", range(60))
def test_rows_as_columns_are_counted_as_if_they_were_added_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    offsets = sorted(chance.sample(range(chance.choice([30, 400])), 25))
    shards = {offset: chance.randrange(3) for offset in offsets}
    seals = set(chance.sample(offsets, 3))
    columns = {offset for offset in offsets if chance.random() < 0.6} - seals
    one_by_one, by_columns = Tables({}), Tables({})
    start = 0
    for stop in (chance.randrange(offsets[-1]), offsets[-1] + chance.randint(1, 30)):
        part = [offset for offset in offsets if start <= offset < stop]
        mine = [offset for offset in part if offset in columns]
        bulk = Columns(np.array(mine, np.int64), np.array([shards[offset] for offset in mine], np.int32))
        for view, ledger, passed in (
            (one_by_one, Ledger(one_by_one, start, SPAN), set()),
            (by_columns, Ledger(by_columns, start, SPAN, bulk), columns),
        ):
            for offset in part:
                if offset in passed:
                    continue
                ledger.reach(offset)
                if offset in seals:
                    ledger.end_slice(offset + 1)
                    continue
                ledger.add(offset, shards[offset])
                before = [at for at in part if at < offset and at not in columns | seals]
                if before and offset not in columns and offset % 4 == 0 and before[-1] % 4:
                    ledger.kill(Kill(before[-1], offset, shards[before[-1]]))
            settled(view, ledger, stop)
        start = stop
    assert by_columns.ends == one_by_one.ends
    assert slices(by_columns) == slices(one_by_one)
    assert opened(by_columns) == opened(one_by_one)
    assert by_columns.hits == one_by_one.hits
