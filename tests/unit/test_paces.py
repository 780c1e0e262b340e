"""Rates follow what is measured, by the rows it took."""

from __future__ import annotations

from unlearn.partition.rates import Rate, Rates, Spent


def test_the_first_measurement_stands_as_it_is() -> None:
    pace = Rate()
    pace.observe(Spent(1, 3.0))

    assert pace.value == 3.0


def test_many_rows_move_a_pace_far_and_few_move_it_little() -> None:
    far, little = Rate(1.0), Rate(1.0)
    far.observe(Spent(50_000, 150_000.0))
    little.observe(Spent(1, 3.0))

    assert far.value == 2.0
    assert 1.0 < little.value < 1.001


def test_no_rows_tell_nothing() -> None:
    pace = Rate(1.0)
    pace.observe(Spent(0, 9.0))

    assert pace.value == 1.0


def test_reading_learning_and_forgetting_have_paces_of_their_own() -> None:
    rates = Rates()
    rates.observe({"read": Spent(10, 20.0), "learn": Spent(10, 30.0), "forget": Spent(10, 50.0)})

    assert rates.anew(stored=4, live=2) == 4 * 2.0 + 2 * 3.0
    assert rates.forgetting(stored=4, gone=2) == 4 * 2.0 + 2 * 5.0
