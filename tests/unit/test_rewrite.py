"""Which slice files are written again without their dead, and when."""

from __future__ import annotations

import pytest

from unlearn.maintenance.rewrite import rewritable, safe_before, worth_it
from unlearn.partition.tables import Change, Cleanup, Slice, State, Tables

FILED = Slice(live=8, rows=10, first_death=20, last_death=25, file="f")


def view_of(
    held: Slice = FILED, cleanup: Cleanup | None = None, states: dict[tuple[int, int], int] | None = None
) -> Tables:
    change, view = Change(), Tables({})
    change.put("slices", (0, 10), held)
    for (shard, through), applied in (states or {}).items():
        change.put("states", (shard, through), State(applied, "s", "d"))
    if cleanup is not None:
        change.put("cleanups", "ab" * 16, cleanup)
    view.apply(change, 40)
    return view


@pytest.mark.parametrize(
    ("held", "safe", "may"),
    [
        (FILED, 26, True),
        (FILED, 25, False),
        (FILED._replace(first_death=-1), 26, False),
        (FILED._replace(file=""), 26, False),
        (FILED._replace(file=None), 26, False),
    ],
    ids=["safe", "a death is not published yet", "nothing dead in it", "no row is left", "not registered"],
)
def test_rows_go_once_their_deaths_are_safe(held: Slice, safe: int, may: bool) -> None:
    assert rewritable(view_of(held), 0, 10, safe) is may


@pytest.mark.parametrize(("shard", "death", "may"), [(0, 15, False), (0, 25, False), (0, 26, True), (1, 15, True)])
def test_a_file_waits_for_an_open_clean_up_of_a_deletion_from_before_its_last_death(
    shard: int, death: int, may: bool
) -> None:
    """Its rows have no holes yet: the new file's name would promise that they aren't in it."""
    assert rewritable(view_of(cleanup=Cleanup(death, shard, 0)), 0, 10, 30) is may


def test_what_a_state_must_still_forget_is_not_safe() -> None:
    view = view_of(states={(0, 10): 22, (1, 10): 5})

    assert safe_before(view, 0, 30, forgets=True) == 22
    assert safe_before(view, 0, 30, forgets=False) == 30
    assert safe_before(view, 2, 30, forgets=True) == 30


def test_a_tenth_dead_or_old_is_worth_it() -> None:
    assert worth_it(FILED._replace(live=9), 0.0, 3600.0)
    assert not worth_it(FILED._replace(rows=100, live=91), 3599.0, 3600.0)
    assert worth_it(FILED._replace(rows=100, live=99), 3600.0, 3600.0)
