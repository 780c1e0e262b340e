"""Positive and unlabelled rows under any small sequence of learning, forgetting and revoking."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unlearn_models import NotLearned, Rows, State, encode_state
from unlearn_models.positive_unlabelled.learner import PositiveUnlabelled, pu

FEATURES = 5
BAYES = pu("pu-naive-bayes", ("a", "b"), FEATURES, held_out=0.5)
LINEAR = pu("pu-linear", ("a", "b"), FEATURES, held_out=0.5)

# Few features and small counts: most rows come more than once.
Row = tuple[int, tuple[tuple[int, float], ...]]
cells = st.dictionaries(st.integers(0, FEATURES - 1), st.integers(1, 2).map(float), max_size=2)
row = st.tuples(st.sampled_from([1, -1]), cells.map(lambda drawn: tuple(sorted(drawn.items()))))


def as_rows(drawn: list[Row]) -> Rows:
    return Rows(
        np.array([label for label, _ in drawn], np.int32),
        np.cumsum([0, *(len(cells) for _, cells in drawn)]).astype(np.int64),
        np.array([index for _, cells in drawn for index, _ in cells], np.int32),
        np.array([value for _, cells in drawn for _, value in cells], np.float64),
    )


def fresh(learner: PositiveUnlabelled, drawn: list[Row]) -> bytes:
    return encode_state(learner, learner.learn(learner.empty(), as_rows(drawn)))


def step(state: State, live: list[Row], data: st.DataObject) -> tuple[State, list[Row]]:
    """Learn some rows, forget some of the live ones, or revoke the labels of some."""
    act = data.draw(st.sampled_from(["learn", "forget", "revoke"]))
    if act == "learn":
        new = data.draw(st.lists(row, max_size=6))
        return BAYES.learn(state, as_rows(new)), live + new
    order = data.draw(st.permutations(range(len(live))))
    cut = data.draw(st.integers(0, len(live)))
    gone, left = [live[i] for i in order[:cut]], [live[i] for i in order[cut:]]
    state = BAYES.forget(state, as_rows(gone))
    if act == "revoke":
        gone = [(-1, cells) for _, cells in gone]
        return BAYES.learn(state, as_rows(gone)), left + gone
    return state, left


@given(data=st.data())
def test_any_sequence_gives_the_bytes_of_what_is_left(data: st.DataObject) -> None:
    live = data.draw(st.lists(row, max_size=8))
    state = BAYES.learn(BAYES.empty(), as_rows(live))
    for _ in range(data.draw(st.integers(1, 4))):
        state, live = step(state, live, data)
        assert encode_state(BAYES, state) == fresh(BAYES, live)


@given(live=st.lists(row, max_size=8), wrong=st.lists(row, max_size=3))
def test_a_labelled_row_held_out_is_forgotten_as_often_as_it_was_learned(live: list[Row], wrong: list[Row]) -> None:
    # given
    state = BAYES.learn(BAYES.empty(), as_rows(live))
    before = encode_state(BAYES, state)
    aside = [one for one in wrong if one[0] == 1 and BAYES.holds_out(as_rows([one]))[0]]
    known = all(aside.count(one) <= live.count(one) for one in aside)
    # when
    try:
        left = BAYES.forget(state, as_rows(aside))
    except NotLearned:
        # then
        assert not known
        assert encode_state(BAYES, state) == before
    else:
        assert known
        for one in aside:
            live.remove(one)
        assert encode_state(BAYES, left) == fresh(BAYES, live)


@given(data=st.data())
def test_calls_do_not_matter(data: st.DataObject) -> None:
    drawn = data.draw(st.lists(row, max_size=10))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(drawn)), max_size=4)))
    for learner in (BAYES, LINEAR):
        state = learner.empty()
        for start, stop in zip([0, *cuts], [*cuts, len(drawn)], strict=True):
            state = learner.learn(state, as_rows(drawn[start:stop]))
        assert encode_state(learner, state) == fresh(learner, drawn)


@given(shards=st.lists(st.lists(row, max_size=8), max_size=4), asked=st.lists(row, min_size=1, max_size=5))
def test_scores_are_probabilities(shards: list[list[Row]], asked: list[Row]) -> None:
    for learner in (BAYES, LINEAR):
        ensemble = learner.ensemble([learner.learn(learner.empty(), as_rows(rows)) for rows in shards])
        scores = ensemble.scores(as_rows(asked))
        assert ((scores >= 0) & (scores <= 1)).all()
        assert np.allclose(scores.sum(axis=1), 1.0, rtol=0, atol=1e-12)
        assert ensemble.c is None or 0 < ensemble.c <= 1
