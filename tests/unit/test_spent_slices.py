"""Which entries of slices may go: dead ones, and the last one at an end only where no start and no reach changes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from unlearn.maintenance.spent_slices import spent
from unlearn.partition.tables import Change, Slice, State, Tables
from unlearn.publishing.compose import entries

DEAD = Slice(last_death=5, file="")
LIVE = Slice(sum=7, live=1, file="f", rows=1)
HOLED = LIVE._replace(rows=2, last_death=9, first_death=9)
Key = tuple[int, int]


def state(applied: int = 90) -> State:
    return State(applied, "s", "d" * 64, rows=1)


@dataclass
class Case:
    """A partition up to 40, but what a test says. The state of shard 0 at 30 has learned all there."""

    slices: dict[Key, Slice] = field(
        default_factory=lambda: {(0, 10): LIVE, (0, 20): DEAD, (0, 30): LIVE, (0, 40): DEAD}
    )
    states: dict[Key, State] = field(default_factory=lambda: {(0, 30): state()})
    stored: tuple[Key, ...] = ((0, 10), (0, 30))
    training: tuple[int, ...] = ()

    @property
    def view(self) -> Tables:
        change, view = Change(), Tables({})
        for key, held in self.slices.items():
            change.put("slices", key, held)
        for key, made in self.states.items():
            change.put("states", key, made)
        change.put("meta", "registered", 40)
        view.apply(change, 95)
        return view

    def spent(self, most: int = 99) -> list[Key]:
        return spent(self.view, self.stored, self.training, most)


def test_a_dead_slice_between_others_goes_and_the_newest_end_stays() -> None:
    assert Case().spent() == [(0, 20)]


@pytest.mark.parametrize(
    "held",
    [
        DEAD._replace(live=1),
        DEAD._replace(file="f"),
        DEAD._replace(file=None),
        DEAD._replace(first_death=5),
    ],
    ids=["a row lives", "it has a file", "it isn't registered", "it has holes"],
)
def test_a_slice_of_which_something_is_left_stays(held: Slice) -> None:
    case = Case()
    case.slices[0, 20] = held
    assert case.spent() == []


def test_a_slice_stays_while_the_store_has_a_file_of_it() -> None:
    assert Case(stored=((0, 10), (0, 20))).spent() == []
    assert Case(stored=((1, 20), (0, 30))).spent() == [(0, 20)]


def test_a_slice_stays_while_its_shard_trains() -> None:
    assert Case(training=(0,)).spent() == []
    assert Case(training=(1,)).spent() == [(0, 20)]


def test_a_slice_stays_while_a_state_stands_at_its_end() -> None:
    case = Case()
    case.states[0, 20] = state()
    assert case.spent() == []
    case.slices[1, 20] = LIVE
    assert case.spent() == []
    del case.states[0, 20]
    assert case.spent() == [(0, 20)]


@pytest.mark.parametrize(("applied", "goes"), [(5, False), (6, True)])
def test_a_slice_stays_while_a_state_is_to_forget_its_rows(applied: int, goes: bool) -> None:
    case = Case()
    case.states[0, 30] = state(applied)
    assert case.spent() == [(0, 20)] * goes


def test_a_state_before_the_slice_knows_nothing_of_it() -> None:
    case = Case()
    case.states[0, 10] = state(1)
    # But a manifest that names this state says that it reaches to 20.
    assert case.spent() == []
    case.slices[0, 25] = DEAD
    assert case.spent() == [(0, 20)]


def test_an_end_stays_while_the_next_slice_of_any_shard_has_holes() -> None:
    """They are named by where their slice starts."""
    for shard in (0, 1):
        case = Case()
        case.slices[shard, 30] = HOLED
        assert case.spent() == []
    case = Case()
    case.slices[0, 10] = HOLED
    assert case.spent() == [(0, 20)]


def test_an_end_stays_where_a_shard_has_come_to_before_its_next_rows() -> None:
    """Shard 1 has learned nothing, and its first rows are in the slice behind: it reaches to 20."""
    case = Case()
    case.slices[1, 30] = LIVE
    assert case.spent() == []
    case.slices[1, 30] = DEAD
    assert case.spent() == [(0, 20), (1, 30)]


def test_others_at_an_end_go_and_one_keeps_it() -> None:
    case = Case()
    case.slices[0, 30] = HOLED
    case.slices |= {(1, 20): DEAD, (2, 20): DEAD}
    assert case.spent() == [(1, 20), (2, 20)]
    case.slices[1, 20] = LIVE
    assert case.spent() == [(0, 20), (2, 20)]


def test_many_in_a_row_go_together_up_to_a_bound() -> None:
    case = Case(slices={(shard, end): DEAD for end in range(10, 100, 10) for shard in (0, 1)}, states={}, stored=())
    assert case.spent() == [(shard, end) for end in range(10, 90, 10) for shard in (0, 1)]
    assert case.spent(3) == [(0, 10), (1, 10), (0, 20)]


@pytest.mark.parametrize("most", [1, 2, 99])
def test_no_manifest_says_anything_else_without_them(most: int) -> None:
    case = Case()
    case.slices |= {(1, 15): DEAD, (1, 20): LIVE, (0, 25): DEAD, (1, 35): DEAD, (0, 34): DEAD}
    case.states[1, 20] = state()
    view = case.view
    before = entries(view, 2, True, "e" * 64)
    while keys := spent(view, case.stored, (), most):
        change = Change()
        for key in keys:
            change.drop("slices", key)
        view.apply(change, view.applied)
        assert entries(view, 2, True, "e" * 64) == before
    # The empty state of shard 1, which a manifest may have to name, reaches to 15.
    assert sorted(view.slices) == [(0, 10), (0, 30), (0, 40), (1, 15), (1, 20)]
    assert view.ends == [10, 15, 20, 30, 40]
