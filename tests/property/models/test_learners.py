"""The fold: calls don't matter, and forgetting is as never learned, byte for byte."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.models.strategies import CLASSES, FEATURES, counts, finite, rows
from unlearn_models import Learner, Rows, encode_state, make_learner

BAYES = make_learner("naive-bayes", CLASSES, FEATURES)
LINEAR = make_learner("linear", CLASSES, FEATURES)


def fold(learner: Learner, parts: list[Rows]) -> bytes:
    state = learner.empty()
    for part in parts:
        state = learner.learn(state, part)
    return encode_state(learner, state)


@pytest.mark.parametrize(("learner", "values"), [(BAYES, counts), (LINEAR, finite), (LINEAR, counts)])
@given(data=st.data())
def test_calls_do_not_matter(learner: Learner, values: Any, data: st.DataObject) -> None:
    drawn = data.draw(rows(values))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(drawn)), max_size=6)))
    ends = zip([0, *cuts], [*cuts, len(drawn)], strict=True)
    parts = [drawn.take(np.arange(start, stop)) for start, stop in ends]
    assert fold(learner, parts) == fold(learner, [drawn])


@given(data=st.data())
def test_forgotten_rows_leave_no_trace(data: st.DataObject) -> None:
    # given
    drawn = data.draw(rows(counts))
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=len(drawn), max_size=len(drawn))), np.bool_)
    order = np.array(data.draw(st.permutations(np.flatnonzero(gone).tolist())), np.intp)
    middle = data.draw(st.integers(0, len(order)))
    # when
    state = BAYES.learn(BAYES.empty(), drawn)
    for part in (order[:middle], order[middle:]):
        state = BAYES.forget(state, drawn.take(part))
    # then
    assert encode_state(BAYES, state) == fold(BAYES, [drawn.take(~gone)])


@given(rows(finite, max_size=6), st.lists(st.integers(0, 5), max_size=3))
def test_any_finite_rows_give_canonical_states_and_probabilities(drawn: Rows, again: list[int]) -> None:
    learned = Rows.concat([drawn] * (1 + sum(again)))
    state = LINEAR.learn(LINEAR.empty(), learned)
    assert encode_state(LINEAR, state)
    scores = LINEAR.ensemble([state, state]).scores(drawn)
    assert (scores >= 0).all()
    assert np.allclose(scores.sum(axis=1), 1.0, rtol=0, atol=1e-12)
