"""The cheapest exact way for a batch, by rates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unlearn_models.sisa.cost_model import Rates, Way, Work, choose, seconds

rates = st.builds(Rates, *(st.floats(0.001, 10.0) for _ in range(3)))
works = st.lists(
    st.builds(Work, st.integers(1, 30), st.integers(0, 40), st.integers(0, 50), st.integers(0, 9), st.booleans()),
    max_size=8,
)


def test_a_few_are_forgotten_and_many_learned_anew() -> None:
    pace = Rates(learn=1.0, forget=2.0)
    few, many = Work(3, 0, 100, 0, True), Work(60, 0, 100, 0, True)
    assert choose(pace, [few, many], 1000) == [Way.FORGET, Way.FOLD]


def test_a_learner_without_an_inverse_never_forgets() -> None:
    assert choose(Rates(learn=1.0), [Work(1, 0, 100, 0, False)], 1000) == [Way.FOLD]


def test_marks_are_set_again_as_long_as_the_batch_costs_less_than_all() -> None:
    pace, hit = Rates(learn=1.0, mark=5.0), Work(1, 0, 90, 9, False)
    assert choose(pace, [hit] * 2, 300) == [Way.FOLD, Way.FOLD]
    assert choose(pace, [hit] * 2, 250) == [Way.RETRAIN, Way.FOLD]
    assert choose(pace, [hit] * 2, 200) == [Way.RETRAIN, Way.RETRAIN]


def test_those_that_retraining_helps_most_go_first() -> None:
    pace = Rates(learn=1.0, mark=5.0)
    little, much = Work(1, 0, 99, 2, False), Work(1, 0, 99, 20, False)
    assert choose(pace, [little, much], 250) == [Way.FOLD, Way.RETRAIN]


def test_a_retraining_begins_at_the_beginning() -> None:
    pace = Rates(learn=1.0, mark=5.0)
    late, early = Work(1, 95, 5, 9, False), Work(1, 5, 95, 9, False)
    assert choose(pace, [late, early], 100) == [Way.FOLD, Way.RETRAIN]


@given(rates=rates, works=works, others=st.integers(0, 100))
def test_no_batch_is_expected_to_cost_more_than_training_everything_anew(
    rates: Rates, works: list[Work], others: int
) -> None:
    everything = sum(work.before + work.after for work in works) + others
    ways = choose(rates, works, everything)
    spent = sum(seconds(rates, work, way) for work, way in zip(works, ways, strict=True))
    assert spent <= everything * rates.learn * (1 + 1e-9)
    assert all(work.forgets for work, way in zip(works, ways, strict=True) if way is Way.FORGET)
