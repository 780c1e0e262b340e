"""Which jobs are due, and from where."""

from __future__ import annotations

import pytest

from processor.schedule import Order, orders, window_closes
from processor.view import Change, Cleanup, Slice, State, View


def view_of(
    slices: dict[int, Slice], states: dict[int, int], hit: int = 0, cleanup: Cleanup | None = None, registered: int = 99
) -> View:
    """Shard 0 with slices by end, and states: through -> applied."""
    change = Change()
    for end, held in slices.items():
        change.put("slices", (0, end), held)
    for through, applied in states.items():
        change.put("states", (0, through), State(applied, f"{through}", ""))
    if hit:
        change.put("hits", 0, hit)
    if cleanup is not None:
        change.put("cleanups", "aa", cleanup)
    change.put("meta", "registered", registered)
    view = View({})
    view.apply(change, 100)
    return view


def filed(last_death: int = -1) -> Slice:
    return Slice(1, 1, last_death, "file", 1)


@pytest.mark.parametrize("forgets", [True, False])
def test_a_shard_up_to_date_has_no_job(forgets: bool) -> None:
    assert orders(view_of({10: filed()}, {10: 50}), 1, forgets) == []


@pytest.mark.parametrize("forgets", [True, False])
def test_what_is_behind_learns_the_slices_beyond_its_state(forgets: bool) -> None:
    view = view_of({10: filed(), 20: filed(), 30: filed()}, {10: 50})

    assert orders(view, 1, forgets) == [Order(0, (10, State(50, "10", "")), (20, 30), ())]


@pytest.mark.parametrize("forgets", [True, False])
def test_without_a_state_all_is_learned(forgets: bool) -> None:
    assert orders(view_of({10: filed(), 20: filed()}, {}), 1, forgets) == [Order(0, None, (10, 20), ())]


@pytest.mark.parametrize("forgets", [True, False])
def test_slices_without_a_file_or_not_registered_are_passed_over(forgets: bool) -> None:
    view = view_of({10: Slice(file="", live=0), 20: filed(), 30: Slice(live=1)}, {}, registered=20)

    assert orders(view, 1, forgets) == [Order(0, None, (20,), ())]


def test_a_fold_starts_from_the_newest_state_left() -> None:
    view = view_of({10: filed(), 20: filed(40), 30: filed()}, {10: 30}, hit=41)

    assert orders(view, 1, forgets=False) == [Order(0, (10, State(30, "10", "")), (20, 30), ())]


def test_a_hit_shard_forgets_where_rows_died_since() -> None:
    view = view_of({10: filed(20), 20: filed(40), 30: filed(30)}, {30: 30}, hit=41)

    assert orders(view, 1, forgets=True) == [Order(0, (30, State(30, "30", "")), (), (20, 30))]


def test_a_hit_before_the_state_is_forgotten_already() -> None:
    assert orders(view_of({10: filed(20)}, {10: 21}, hit=21), 1, forgets=True) == []


def test_slices_that_a_clean_up_has_not_walked_may_hold_the_dead() -> None:
    view = view_of({10: filed(), 20: filed(), 30: filed()}, {30: 30}, hit=41, cleanup=Cleanup(40, 0, 10))

    assert [order.forget for order in orders(view, 1, forgets=True)] == [(20, 30)]


def test_a_clean_up_of_another_shard_is_none_of_ours() -> None:
    view = view_of({10: filed(), 20: filed()}, {20: 30}, hit=41, cleanup=Cleanup(40, 1, 0))

    assert [order.forget for order in orders(view, 1, forgets=True)] == [()]


@pytest.mark.parametrize(
    ("age", "pending", "idle", "closes"),
    [
        (0.5, 0, False, True),
        (0.4, 0, False, False),
        (0.0, 0, True, True),
        (0.0, 4, False, True),
        (0.0, 3, False, False),
    ],
)
def test_the_window_closes_by_age_by_count_or_when_idle(age: float, pending: int, idle: bool, closes: bool) -> None:
    assert window_closes(age, 0.5, 2, pending, idle) is closes
