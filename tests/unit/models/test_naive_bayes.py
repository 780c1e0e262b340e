"""Naive Bayes: its ensemble against scikit-learn's, its counts, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import MultinomialNB

from models import BadRows, BadState, NotLearned, Rows, encode_state, make_learner
from tests.unit.models.corpora import as_rows, tweets

N = 5000


def matrix(rows: Rows) -> csr_matrix:
    return csr_matrix((rows.values, rows.indices, rows.indptr), shape=(len(rows), N))


def one(label: int, cells: dict[int, float]) -> Rows:
    return Rows(
        np.array([label], np.int32),
        np.array([0, len(cells)], np.int64),
        np.array(sorted(cells), np.int32),
        np.array([cells[i] for i in sorted(cells)], np.float64),
    )


@pytest.mark.parametrize("alpha", [1.0, 0.1])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_shards_score_as_scikit_learn_on_all_their_rows(n_classes: int, alpha: float) -> None:
    # given
    texts, labels = tweets(3000, seed=2)
    rng = np.random.default_rng(3)
    rows = as_rows(texts, (labels + rng.integers(0, n_classes - 1, 3000)).astype(np.int32), N)
    learner = make_learner("naive-bayes", tuple("abcde"[:n_classes]), N, alpha=alpha)
    kept, gone = rows.take(np.arange(2000)), rows.take(np.arange(2000, 2500))
    shard = rng.integers(0, 7, 2500)
    # when
    states = []
    for number in range(7):
        state = learner.learn(learner.empty(), rows.take(np.flatnonzero(shard == number)))
        states.append(learner.forget(state, gone.take(shard[2000:] == number)))
    ours = learner.ensemble(states).scores(rows)
    # then
    theirs = MultinomialNB(alpha=alpha).fit(matrix(kept), kept.labels).predict_proba(matrix(rows))
    assert np.abs(ours - theirs).max() < 1e-12


def test_a_class_never_learned_gets_no_probability() -> None:
    learner = make_learner("naive-bayes", ("a", "b", "c"), 4)
    rows = Rows.concat([one(0, {1: 1.0}), one(2, {2: 1.0})])
    state = learner.learn(learner.empty(), rows)
    assert (learner.ensemble([state]).scores(rows)[:, 1] == 0.0).all()


def test_the_only_row_of_a_class_and_a_feature_leaves_no_trace() -> None:
    # given
    learner = make_learner("naive-bayes", ("a", "b"), 9)
    others = Rows.concat([one(0, {1: 1.0, 3: 2.0}), one(0, {3: 1.0})])
    only = one(1, {3: 1.0, 8: 5.0})
    never = learner.learn(learner.empty(), others)
    # when
    left = learner.forget(learner.learn(learner.learn(learner.empty(), only), others), only)
    # then
    assert encode_state(learner, left) == encode_state(learner, never)
    assert left["features"].tolist() == [1, 3]


@pytest.mark.parametrize(
    "gone",
    [
        one(0, {3: 1.0}),
        one(0, {1: 3.0}),
        one(1, {1: 1.0}),
        one(1, {}),
        Rows.concat([one(0, {1: 1.0}), one(0, {2: 1.0})]),
    ],
    ids=["feature", "count", "class", "row", "leaves counts without rows"],
)
def test_forgetting_what_was_not_learned_is_refused(gone: Rows) -> None:
    learner = make_learner("naive-bayes", ("a", "b"), 9)
    state = learner.learn(learner.empty(), Rows.concat([one(0, {1: 2.0}), one(0, {2: 1.0})]))
    before = encode_state(learner, state)
    with pytest.raises(NotLearned):
        learner.forget(state, gone)
    assert encode_state(learner, state) == before


@pytest.mark.parametrize("value", [-1.0, 0.5, 1e-300, 2.0**31])
def test_only_whole_counts_are_accepted(value: float) -> None:
    learner = make_learner("naive-bayes", ("a", "b"), 9)
    rows = Rows.concat([one(0, {1: 1.0}), one(0, {1: value})])
    assert learner.accepts(rows).tolist() == [True, False]
    with pytest.raises(BadRows, match="row 1 of 2"):
        learner.learn(learner.empty(), rows)


@pytest.mark.parametrize(
    "change",
    [
        {"features": np.array([3, 1], np.int32)},
        {"features": np.array([1, 9], np.int32)},
        {"features": np.array([1, 1], np.int32)},
        {"features": np.array([1, 3], np.int64)},
        {"counts": np.array([[1, 0], [0, 0]], np.int64)},
        {"counts": np.array([[-1, 2], [0, 0]], np.int64)},
        {"counts": np.array([[1, 2], [1, 0]], np.int64)},
        {"counts": np.array([[1, 2]], np.int64)},
        {"counts": np.array([[1, 2], [0, 0]], np.float64)},
        {"rows": np.array([2, -1], np.int64)},
        {"more": np.array([2], np.int64)},
    ],
)
def test_a_state_that_is_not_canonical_is_refused(change: dict[str, np.ndarray]) -> None:
    learner = make_learner("naive-bayes", ("a", "b"), 9)
    state = learner.learn(learner.empty(), one(0, {1: 1.0, 3: 2.0}))
    with pytest.raises(BadState):
        learner.check({**state, **change})
