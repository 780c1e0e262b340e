"""What a state has let go of and the membership still counts: less with each burial."""

from __future__ import annotations

import pytest

from unlearn.partition.cleanups.unburied import Unburied
from unlearn.partition.ledger import Kill
from unlearn.partition.slices.slot_sums import sum_slots


@pytest.mark.parametrize(
    ("slot", "death", "left"),
    [
        (7, 19, (8, 9)),
        (7, 20, (7, 8, 9)),
        (10, 19, (7, 8, 9)),
    ],
    ids=["forgotten and buried", "died behind the state", "no row of the state's slices"],
)
def test_a_burial_counts_if_the_state_had_let_go_of_the_row(slot: int, death: int, left: tuple[int, ...]) -> None:
    before = Unburied("file", 10, 20, sum_slots((7, 8, 9)))

    assert before.without([Kill(slot, death, 0)]).sum == sum_slots(left)


def test_it_ends_at_nothing() -> None:
    before = Unburied("file", 10, 20, sum_slots((7, 8)))

    assert before.without([Kill(8, 19, 0), Kill(7, 3, 0)]) == Unburied("file", 10, 20, 0)
