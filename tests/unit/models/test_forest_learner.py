"""The forest as a learner."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from tests.unit.models.adult import adult_rows
from unlearn_models import BadRows, BadSettings, BadState, NotLearned, Rows, decode_state, digest, encode_state
from unlearn_models.base.errors import RowsNeeded
from unlearn_models.base.learner import State
from unlearn_models.forest import PRESETS
from unlearn_models.forest.keys import row_keys
from unlearn_models.forest.learner import dense, forest
from unlearn_models.learner_checks import check_learner

CLASSES = ("no", "yes", "maybe", "never")


def some_unlabelled(rows: Rows) -> Rows:
    labels = rows.labels.copy()
    labels[::9] = -1
    return Rows(labels, rows.indptr, rows.indices, rows.values)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("hyper", [{"share": 0.5}, {"share": 1.0, "min_leaf": 2, "random_layers": 1}, {"depth": 0}])
def test_a_forest_passes_the_suite(classes: int, hyper: dict[str, Any]) -> None:
    learner = forest(CLASSES[:classes], 88, trees=4, **hyper)
    check_learner(learner, some_unlabelled(adult_rows(60, classes)))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_learns(name: str) -> None:
    # given
    learner, rows = forest(CLASSES[:2], 88, name, seed=5), adult_rows(3000)
    train, test = rows.take(np.arange(2500)), rows.take(np.arange(2500, 3000))
    # when
    scores = learner.ensemble([learner.learn(learner.empty(), train)]).scores(test)
    # then
    right = (scores.argmax(axis=1) == test.labels).mean()
    assert right > max(test.labels.mean(), 1 - test.labels.mean()) + 0.03


def test_a_stored_forest_scores_but_does_not_go_on() -> None:
    # given
    learner, rows = forest(CLASSES[:2], 88, trees=5), adult_rows(80)
    state = learner.learn(learner.empty(), rows)
    stored = decode_state(learner, encode_state(learner, state))
    # when
    for call in (learner.learn, learner.forget):
        with pytest.raises(RowsNeeded):
            call(stored, rows)
    # then
    wanted = learner.ensemble([state]).scores(rows).tobytes()
    for one in (stored, pickle.loads(pickle.dumps(state))):
        assert learner.ensemble([one]).scores(rows).tobytes() == wanted
    nothing = decode_state(learner, encode_state(learner, learner.empty()))
    assert digest(learner, learner.learn(nothing, rows)) == digest(learner, state)
    with pytest.raises(NotLearned):
        learner.forget(nothing, rows)


def test_shards_vote_with_equal_weight() -> None:
    # given
    learner, rows = forest(CLASSES[:2], 88, trees=5, share=1.0), adult_rows(90)
    parts = [rows.take(np.arange(10)), rows.take(np.arange(10, 90))]
    states = [learner.learn(learner.empty(), part) for part in parts]
    # when
    both = learner.ensemble([learner.empty(), *states]).scores(rows)
    # then
    alone = [learner.ensemble([state]).scores(rows) for state in states]
    assert (both == (alone[0] + alone[1]) / 2).all()


def test_a_rows_key_is_its_content() -> None:
    rows = adult_rows(300)
    keys = row_keys(rows, 1)
    assert len(set(keys.tolist())) == len({(rows.labels[i], x.tobytes()) for i, x in enumerate(dense(rows, 88))})
    order = np.arange(299, -1, -1)
    assert row_keys(rows.take(order), 1).tolist() == keys[order].tolist()
    assert not set(keys.tolist()) & set(row_keys(rows, 2).tolist())
    other = Rows(1 - rows.labels, rows.indptr, rows.indices, rows.values)
    assert not set(keys.tolist()) & set(row_keys(other, 1).tolist())


def test_a_subnormal_value_is_no_value() -> None:
    learner = forest(CLASSES[:2], 3)
    rows = Rows(
        np.array([0, 1, 1], np.int32),
        np.array([0, 0, 2, 3], np.int64),
        np.array([0, 2, 1], np.int32),
        np.array([1.0, 5e-324, 2.0]),
    )
    assert learner.accepts(rows).tolist() == [True, False, True]
    with pytest.raises(BadRows):
        learner.learn(learner.empty(), rows)


def test_wide_rows_are_refused_with_a_way_out() -> None:
    with pytest.raises(BadSettings, match="fold the columns"):
        forest(CLASSES[:2], 2**18)


def changed(state: State, name: str, at: int, value: float) -> State:
    array = state[name].copy()
    array.flat[at] = value
    return {**state, name: array}


def test_a_state_that_no_forest_has_is_refused() -> None:
    # given
    learner = forest(CLASSES[:2], 88, trees=3, depth=4, share=1.0)
    state = learner.learn(learner.empty(), adult_rows(80))
    learner.check(state)
    inner, leaf = int(np.flatnonzero(state["feature"] >= 0)[1]), int(np.flatnonzero(state["feature"] < 0)[1])
    wrong: list[State] = [
        changed(state, "starts", 0, 1),
        changed(state, "starts", 1, state["starts"][1] + 1),
        changed(state, "starts", 1, state["starts"][1] + 2),
        changed(state, "feature", inner, 88),
        changed(state, "feature", inner, -1),
        changed(state, "feature", leaf, 0),
        changed(state, "feature", leaf, -2),
        changed(state, "threshold", leaf, 1.0),
        changed(state, "threshold", inner, np.nan),
        changed(state, "jump", inner, state["jump"][inner] + 1),
        changed(state, "jump", inner, 2**31 - 1),
        changed(state, "jump", leaf, -1),
        changed(state, "counts", 0, -1),
        changed(state, "counts", 0, 1000),
        changed(state, "rows", 0, -1),
        changed(state, "rows", 0, 0),
        {**state, "counts": state["counts"] * 0},
        {**state, "jump": state["jump"][:-1]},
        {**state, "more": state["jump"]},
    ]
    # then
    for each in wrong:
        with pytest.raises(BadState):
            learner.check(each)
