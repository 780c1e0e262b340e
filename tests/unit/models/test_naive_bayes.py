"""Naive Bayes, multinomial and complement: ensembles against scikit-learn's, counts, what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, clone
from sklearn.naive_bayes import ComplementNB, MultinomialNB

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import BadRows, BadState, NotLearned, Rows, State, encode_state, make_learner
from unlearn_models.learner_checks import check_learner
from unlearn_models.naive_bayes.base import Counting, Totals
from unlearn_models.naive_bayes.complement import ComplementNaiveBayes
from unlearn_models.naive_bayes.multinomial import NaiveBayes

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


def multinomial(n_classes: int, alpha: float = 1.0) -> NaiveBayes:
    return NaiveBayes(tuple("abcde"[:n_classes]), N, alpha)


def complement(n_classes: int, alpha: float = 1.0, norm: bool = False) -> ComplementNaiveBayes:
    return ComplementNaiveBayes(tuple("abcde"[:n_classes]), N, alpha, norm)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize(
    ("kind", "peer"),
    [
        (multinomial, MultinomialNB()),
        (partial(multinomial, alpha=0.1), MultinomialNB(alpha=0.1)),
        (complement, ComplementNB()),
        (partial(complement, alpha=0.1), ComplementNB(alpha=0.1)),
        (partial(complement, alpha=0.3, norm=True), ComplementNB(alpha=0.3, norm=True)),
    ],
    ids=["multinomial", "multinomial .1", "complement", "complement .1", "complement .3, norm"],
)
def test_shards_score_as_scikit_learn_on_all_their_rows(
    kind: Callable[[int], Counting], peer: BaseEstimator, n_classes: int
) -> None:
    # given
    texts, labels = tweets(3000, seed=2)
    rng = np.random.default_rng(3)
    rows = as_rows(texts, (labels + rng.integers(0, n_classes - 1, 3000)).astype(np.int32), N)
    learner = kind(n_classes)
    kept, gone = rows.take(np.arange(2000)), rows.take(np.arange(2000, 2500))
    shard = rng.integers(0, 7, 2500)
    # when
    states = []
    for number in range(7):
        state = learner.learn(learner.empty(), rows.take(np.flatnonzero(shard == number)))
        states.append(learner.forget(state, gone.take(shard[2000:] == number)))
    ours = learner.ensemble(states).scores(rows)
    # then
    theirs = clone(peer).fit(matrix(kept), kept.labels)
    whole = learner.learn(learner.empty(), kept)
    assert (theirs.feature_count_[:, whole["features"]] == whole["counts"]).all()
    assert theirs.feature_count_.sum() == whole["counts"].sum() == sum(state["counts"].sum() for state in states)
    assert np.abs(ours - theirs.predict_proba(matrix(rows))).max() < 1e-12
    # one by one, and all at once: the same columns give the same numbers
    few = [learner.ensemble(states).scores(rows.take(np.array([i]))) for i in range(20)]
    assert np.concatenate(few).tobytes() == ours[:20].tobytes()


@pytest.mark.parametrize("kind", [multinomial, complement])
@given(
    moves=st.lists(
        st.tuples(st.booleans(), st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 40)), max_size=4)), max_size=25
    )
)
def test_counts_are_those_of_the_rows_left(
    kind: Callable[[int], Counting], moves: list[tuple[bool, list[tuple[int, int]]]]
) -> None:
    # given: each kind of row has features of its own, so that no other row stands in for it
    learner = kind(3)
    fold, left = learner.fold(learner.empty()), Counter[tuple[int, int]]()
    for learning, kinds in moves:
        rows = rows_of(kinds)
        named = Counter(one_kind for one_kind in kinds if one_kind[0] >= 0)
        # when
        if learning:
            fold.learn(rows)
            left += named
        elif named <= left:
            fold.forget(rows)
            left -= named
        else:
            with pytest.raises(NotLearned):
                fold.forget(rows)
    # then
    expected = learner.learn(learner.empty(), rows_of(left.elements()))
    assert encode_state(learner, fold.state()) == encode_state(learner, expected)


def rows_of(kinds: Iterable[tuple[int, int]]) -> Rows:
    return Rows.concat([one(label, {number: 1.0, 50 + number: 2.0}) for label, number in kinds])


@pytest.mark.parametrize("cells", [{3: 1.5}, {3: -1.0}, {3: 2.0**31}, {N: 1.0}])
def test_rows_that_are_none_are_not_forgotten(cells: dict[int, float]) -> None:
    learner = multinomial(2)
    fold = learner.fold(learner.learn(learner.empty(), one(0, {1: 5.0, 3: 5.0})))
    before = encode_state(learner, fold.state())
    with pytest.raises(BadRows):
        fold.forget(Rows.concat([one(0, {1: 1.0}), one(0, {1: 1.0, **cells})]))
    assert encode_state(learner, fold.state()) == before


def test_a_class_that_only_complements_is_never_guessed() -> None:
    learner = complement(3)
    state = learner.learn(learner.empty(), Rows.concat([one(0, {1: 1.0}), one(2, {2: 1.0})]))
    scores = learner.ensemble([state]).scores(Rows.concat([one(-1, {1: 1.0}), one(-1, {2: 1.0})]))
    assert (scores[:, 1] == 0.0).all()
    assert scores.argmax(axis=1).tolist() == [0, 2]


def test_complement_passes_the_suite() -> None:
    rows = as_rows(*tweets(60, seed=9), N)
    for learner in (complement(2), complement(3, norm=True)):
        check_learner(learner, rows)


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


@given(st.lists(st.sets(st.integers(0, 90), max_size=60), max_size=4), st.sets(st.integers(0, 99)))
def test_the_columns_are_the_sums_over_all_shards(shards: list[set[int]], wanted: set[int]) -> None:
    def count(feature: int, shard: int, k: int) -> int:
        return feature * 100 + shard * 10 + k + 1

    states: list[State] = [
        {
            "features": np.array(sorted(features), np.int32),
            "counts": np.array([[count(f, s, k) for f in sorted(features)] for k in range(3)], np.int64),
        }
        for s, features in enumerate(shards)
    ]
    none = np.zeros(3, np.int64)

    found = Totals(none, none, states).columns(np.array(sorted(wanted), np.int32))

    sums = [
        [sum(count(f, s, k) for s, features in enumerate(shards) if f in features) for f in sorted(wanted)]
        for k in range(3)
    ]
    assert found.tolist() == sums
