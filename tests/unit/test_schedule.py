"""Which jobs are due, and from where."""

from __future__ import annotations

import pytest

from unlearn.partition.cleanups.unburied import Unburied
from unlearn.partition.rates import Rate, Rates
from unlearn.partition.tables import Change, Cleanup, Slice, State, Tables
from unlearn.training.schedule import Order, orders, predicted, window_closes


def view_of(
    slices: dict[int, Slice], states: dict[int, int], hit: int = 0, cleanup: Cleanup | None = None, registered: int = 99
) -> Tables:
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
    view = Tables({})
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


@pytest.mark.parametrize("forgets", [True, False])
def test_a_job_ends_after_its_limit_of_rows_and_the_next_one_learns_the_rest(
    monkeypatch: pytest.MonkeyPatch, forgets: bool
) -> None:
    monkeypatch.setattr("unlearn.training.schedule._JOB_ROWS", 20)
    slices = {end: Slice(1, 10, -1, "file", 10) for end in (10, 20, 30, 40, 50)}

    assert orders(view_of(slices, {}), 1, forgets) == [Order(0, None, (10, 20), ())]
    assert orders(view_of(slices, {20: 50}), 1, forgets) == [Order(0, (20, State(50, "20", "")), (30, 40), ())]
    assert orders(view_of(slices, {40: 50}), 1, forgets) == [Order(0, (40, State(50, "40", "")), (50,), ())]


@pytest.mark.parametrize("forgets", [True, False])
def test_a_slice_of_more_rows_than_a_jobs_limit_is_a_job_of_its_own(
    monkeypatch: pytest.MonkeyPatch, forgets: bool
) -> None:
    monkeypatch.setattr("unlearn.training.schedule._JOB_ROWS", 20)
    slices = {end: Slice(1, 50, -1, "file", 50) for end in (10, 20)}

    assert [order.learn for order in orders(view_of(slices, {}), 1, forgets)] == [(10,)]


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


@pytest.mark.parametrize(("applied", "file", "read"), [(40, "30", True), (41, "30", False), (41, "other", True)])
def test_what_the_state_has_forgotten_is_not_looked_for_again_as_long_as_its_sum_is_known(
    applied: int, file: str, *, read: bool
) -> None:
    view = view_of({10: filed(), 20: filed(), 30: filed()}, {30: applied}, hit=42, cleanup=Cleanup(40, 0, 10))
    known = {0: Unburied(file, 30, applied, 7)}

    (order,) = orders(view, 1, forgets=True, unburied=known)

    assert order.forget == ((20, 30) if read else ())
    assert order.unburied == (7 if file == "30" else None)


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


@pytest.mark.parametrize(("left", "closes"), [(0.2, True), (0.3, True), (0.4, False)])
def test_the_window_closes_where_a_deadline_would_pass_before_its_end(left: float, closes: bool) -> None:
    assert window_closes(0.25, 0.6, 9, 0, False, lambda: left) is closes


def paced(read: float = 0.0, learn: float = 0.0, forget: float = 0.0) -> Rates:
    return Rates(Rate(read), Rate(learn), Rate(forget))


def crowded(left: int, state_rows: int = 100) -> Tables:
    """Two slices of 50 rows each with `left` alive in all, under a state of before the deletions."""
    change = Change()
    for end, live in ((10, left - left // 2), (20, left // 2)):
        change.put("slices", (0, end), Slice(1, live, 60, "file", 50))
    change.put("states", (0, 20), State(30, "20", "", rows=state_rows))
    change.put("hits", 0, 61)
    change.put("meta", "registered", 99)
    view = Tables({})
    view.apply(change, 100)
    return view


@pytest.mark.parametrize(("left", "anew"), [(51, False), (50, False), (49, True), (1, True)])
def test_what_costs_more_to_forget_than_to_learn_anew_is_learned_anew(left: int, anew: bool) -> None:
    (order,) = orders(crowded(left), 1, True, paced(learn=1.0, forget=1.0))

    assert order == (
        Order(0, None, (10, 20), ()) if anew else Order(0, (20, State(30, "20", "", rows=100)), (), (10, 20))
    )


def test_reading_costs_the_same_on_both_ways_where_all_slices_are_hit() -> None:
    for left in (50, 49):
        (dear,), (free,) = (orders(crowded(left), 1, True, paced(r, 1.0, 1.0)) for r in (1000.0, 0.0))
        assert dear == free


def test_nothing_is_learned_anew_before_it_was_measured() -> None:
    (order,) = orders(crowded(1), 1, True, Rates())

    assert order.base is not None


def test_a_shard_too_large_for_one_job_is_never_learned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.training.schedule._JOB_ROWS", 40)

    (order,) = orders(crowded(1), 1, True, paced(learn=1.0, forget=1.0))

    assert order.base is not None


def test_a_job_is_predicted_by_its_slices() -> None:
    view = crowded(60)
    (order,) = orders(view, 1, True, Rates())

    assert predicted(view, order, paced(read=1.0, learn=10.0)) == 100 + 600
