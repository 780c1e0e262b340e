"""Positive and unlabelled rows: the four kinds of deletion, revoked labels, c, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.models.pu_rows import CLASSES, FEATURES, Kind, labelled, of_kind, sample, without
from unlearn_models import (
    BadRows,
    BadSettings,
    BadState,
    CannotForget,
    NotLearned,
    Rows,
    State,
    encode_state,
    learner_checks,
)
from unlearn_models.linear.logistic import Linear
from unlearn_models.naive_bayes.multinomial import NaiveBayes
from unlearn_models.positive_unlabelled.ensemble import label_frequency
from unlearn_models.positive_unlabelled.learner import PU_BASES, PositiveUnlabelled, pu
from unlearn_models.positive_unlabelled.posterior import chances_of

BOTH = sorted(PU_BASES)
BAYES = pu("pu-naive-bayes", CLASSES, FEATURES)


def learn(learner: PositiveUnlabelled, rows: Rows) -> State:
    return learner.learn(learner.empty(), rows)


def drop(learner: PositiveUnlabelled, rows: Rows, gone: NDArray[np.intp]) -> State:
    """The state without some rows, by the learner's own way: forgetting, or folding again."""
    if learner.forgets:
        return learner.forget(learn(learner, rows), rows.take(gone))
    return learn(learner, without(rows, gone))


def assert_same(learner: PositiveUnlabelled, one: State, other: State) -> None:
    assert encode_state(learner, one) == encode_state(learner, other)


def base(state: State) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.items() if name.startswith("base_")}


def held(state: State) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.items() if name.startswith("held_")}


def terms(learner: PositiveUnlabelled, state: State, rows: Rows) -> list[float]:
    inner = {name[5:]: array for name, array in state.items() if name.startswith("base_")}
    chances: list[float] = chances_of(learner.base)(learner.base, inner, rows).tolist()
    return chances


@pytest.mark.parametrize("learner_id", BOTH)
@pytest.mark.parametrize("kind", ["labelled training", "unlabelled training"])
def test_without_a_training_row_the_base_is_another_and_c_is_recomputed(learner_id: str, kind: Kind) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(400)
    gone = of_kind(learner, rows, kind)[3:4]
    before = learn(learner, rows)
    # when
    after = drop(learner, rows, gone)
    # then
    assert_same(learner, after, learn(learner, without(rows, gone)))
    assert base(after) != base(before)
    assert held(after) == held(before)
    assert after["sum"] != before["sum"]
    assert after["count"] == before["count"]
    assert learner.ensemble([after]).c != learner.ensemble([before]).c


@pytest.mark.parametrize("learner_id", BOTH)
def test_without_a_labelled_row_held_out_the_base_stays_and_its_term_goes(learner_id: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(400)
    gone = of_kind(learner, rows, "labelled held out")[3:4]
    before = learn(learner, rows)
    # when
    after = drop(learner, rows, gone)
    # then
    assert_same(learner, after, learn(learner, without(rows, gone)))
    assert base(after) == base(before)
    assert after["count"] == before["count"] - 1
    (term,) = terms(learner, before, rows.take(gone))
    assert abs(before["sum"][0] - after["sum"][0] - term) < 1e-12


@pytest.mark.parametrize("learner_id", BOTH)
def test_without_an_unlabelled_row_held_out_nothing_changes(learner_id: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(400)
    gone = of_kind(learner, rows, "unlabelled held out")[3:4]
    before = learn(learner, rows)
    # when
    after = drop(learner, rows, gone)
    # then
    assert_same(learner, after, before)
    scores = [learner.ensemble([state]).scores(rows).tobytes() for state in (before, after)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("kind", ["labelled training", "labelled held out"])
def test_a_revoked_label_leaves_no_trace(kind: Kind) -> None:
    # given
    rows = sample(400)
    which = of_kind(BAYES, rows, kind)[:5]
    never = rows.labels.copy()
    never[which] = -1
    # when
    state = BAYES.forget(learn(BAYES, rows), rows.take(which))
    revoked = BAYES.learn(state, labelled(rows.take(which), -1))
    # then
    assert_same(BAYES, revoked, learn(BAYES, labelled(rows, never)))
    assert encode_state(BAYES, revoked) != encode_state(BAYES, learn(BAYES, rows))


def test_a_role_follows_from_features_and_seed_alone() -> None:
    # given
    rows = sample(2000)
    roles = BAYES.holds_out(rows)
    # then
    assert (BAYES.holds_out(labelled(rows, -1)) == roles).all()
    assert (BAYES.holds_out(rows.take(np.arange(2000)[::-1]))[::-1] == roles).all()
    assert roles[-4:-1].tolist() == roles[:3].tolist()  # the same texts again
    assert 0.16 < roles.mean() < 0.24
    other = pu("pu-naive-bayes", CLASSES, FEATURES, seed=1).holds_out(rows)
    assert 0.02 < (other & roles).mean() < 0.06
    more = pu("pu-naive-bayes", CLASSES, FEATURES, held_out=0.5).holds_out(rows)
    assert more[roles].all()
    assert 0.45 < more.mean() < 0.55


@pytest.mark.parametrize("learner_id", BOTH)
def test_rows_one_by_one_give_the_same_bytes(learner_id: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(120)
    # when
    state = learner.empty()
    for i in range(len(rows)):
        state = learner.learn(state, rows.take(np.array([i])))
    # then
    assert_same(learner, state, learn(learner, rows))


@pytest.mark.parametrize("learner_id", BOTH)
def test_rows_held_out_come_in_any_order(learner_id: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(300)
    out = learner.holds_out(rows)
    training, aside = np.flatnonzero(~out), np.flatnonzero(out)
    whole = encode_state(learner, learn(learner, rows))
    # when
    for order in ([*aside, *training], [*training, *aside[::-1]], [*aside[::2], *training, *aside[1::2]]):
        state = learn(learner, rows.take(np.array(order)))
        # then
        assert encode_state(learner, state) == whole


def test_naive_bayes_takes_all_rows_in_any_order() -> None:
    rows = sample(300)
    shuffled = rows.take(np.random.default_rng(0).permutation(300))
    assert_same(BAYES, learn(BAYES, shuffled), learn(BAYES, rows))


def test_forgetting_all_rows_leaves_the_empty_state() -> None:
    rows = sample(300)
    left = BAYES.forget(learn(BAYES, rows), rows.take(np.random.default_rng(0).permutation(300)))
    assert_same(BAYES, left, BAYES.empty())


@pytest.mark.parametrize("learner_id", BOTH)
def test_a_row_held_out_three_times_counts_three_times(learner_id: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(300)
    again = rows.take(of_kind(learner, rows, "labelled held out")[:1])
    once = learn(learner, rows)
    # when
    thrice = learn(learner, Rows.concat([again, rows, again]))
    # then
    assert thrice["count"] == once["count"] + 2
    assert abs(thrice["sum"][0] - once["sum"][0] - 2 * terms(learner, once, again)[0]) < 1e-12
    if learner.forgets:
        assert_same(learner, learner.forget(thrice, Rows.concat([again, again])), once)


def test_what_was_not_learned_is_not_forgotten() -> None:
    # given
    rows = sample(300)
    state = learn(BAYES, rows)
    before = encode_state(BAYES, state)
    new = sample(300, seed=9)
    aside, trained = (
        rows.take(of_kind(BAYES, rows, kind)[:1]) for kind in ("labelled held out", "unlabelled training")
    )
    good = Rows.concat([aside, trained])
    for wrong in (
        new.take(of_kind(BAYES, new, "labelled held out")[:1]),
        new.take(of_kind(BAYES, new, "labelled training")),
        new.take(of_kind(BAYES, new, "unlabelled training")),
        Rows.concat([aside] * 8),
        Rows.concat([trained] * 300),
    ):
        # when
        for gone in (wrong, Rows.concat([good, wrong])):
            with pytest.raises(NotLearned):
                BAYES.forget(state, gone)
        # then
        assert encode_state(BAYES, state) == before


def test_a_linear_base_has_no_inverse() -> None:
    learner, rows = pu("pu-linear", CLASSES, FEATURES), sample(50)
    with pytest.raises(CannotForget):
        learner.forget(learn(learner, rows), rows.take(np.array([], np.intp)))


def test_a_subnormal_value_is_not_accepted_as_the_row_may_be_held_out() -> None:
    learner = pu("pu-linear", CLASSES, FEATURES)
    rows = Rows(np.ones(3, np.int32), np.array([0, 1, 1, 2]), np.array([5, 6], np.int32), np.array([5e-324, 2.5]))
    assert learner.accepts(rows).tolist() == [False, True, True]


@pytest.mark.parametrize("learner_id", BOTH)
def test_a_known_negative_is_not_accepted(learner_id: str) -> None:
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(50)
    assert learner.labels == CLASSES[1:]
    labels = rows.labels.copy()
    labels[[7, 30]] = 0
    bad = labelled(rows, labels)
    assert np.flatnonzero(~learner.accepts(bad)).tolist() == [7, 30]
    with pytest.raises(BadRows, match="row 7 of 50"):
        learner.learn(learner.empty(), bad)
    if learner.forgets:
        with pytest.raises(BadRows, match="row 7 of 50"):
            learner.forget(learn(learner, rows), bad)


@pytest.mark.parametrize("learner_id", BOTH)
@pytest.mark.parametrize("check", [c for c in learner_checks._CHECKS if c is not learner_checks.check_unlabelled])
def test_it_passes_the_suite_but_for_what_ignores_unlabelled_rows(learner_id: str, check: Any) -> None:
    for n_features in (1, 40, 2**31 - 1):
        check(pu(learner_id, CLASSES, n_features, held_out=0.4), sample(60, n_features=n_features))


@pytest.mark.parametrize("learner_id", BOTH)
def test_c_adds_up_over_shards(learner_id: str) -> None:
    # given a shard of rows, a second one, and one that has no labelled row held out
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(400)
    one, two = (learn(learner, rows.take(np.arange(400) % 2 == k)) for k in (0, 1))
    bare = learn(learner, without(rows, of_kind(learner, rows, "labelled held out")))
    # when
    ensemble = learner.ensemble([one, bare, two])
    # then
    sums = [learner.summary(state) for state in (one, bare, two)]
    assert sums[1] == {"sum": 0.0, "count": 0}
    assert ensemble.c == (sums[0]["sum"] + sums[2]["sum"]) / (sums[0]["count"] + sums[2]["count"])
    assert label_frequency(sums[::-1]) == ensemble.c
    g, scores = ensemble.g.scores(rows)[:, 1], ensemble.scores(rows)
    assert (scores[:, 1] == np.minimum(1.0, g / ensemble.c)).all()
    assert (scores[:, 0] == 1.0 - scores[:, 1]).all()
    assert scores[:, 1].max() == 1.0


@pytest.mark.parametrize("learner_id", BOTH)
@pytest.mark.parametrize("kept", ["nothing held out", "only labelled", "only unlabelled", "only held out", "nothing"])
def test_a_model_that_cannot_tell_c_says_so(learner_id: str, kept: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(200)
    aside, known = learner.holds_out(rows), rows.labels == 1
    mask = {
        "nothing held out": ~aside,
        "only labelled": known,
        "only unlabelled": ~known | aside,
        "only held out": aside,
        "nothing": np.zeros(200, np.bool_),
    }[kept]
    state = learn(learner, rows.take(mask))
    # when
    ensemble = learner.ensemble([state, learner.empty()])
    # then
    assert ensemble.c is None
    assert learner.summary(state) == {"sum": 0.0, "count": 0}
    assert ensemble.scores(rows).tobytes() == ensemble.g.scores(rows).tobytes()
    if kept in {"only held out", "nothing"}:
        assert (ensemble.scores(rows) == 0.5).all()


@pytest.mark.parametrize("learner_id", BOTH)
def test_a_sum_adds_one_term_after_the_other_in_the_order_of_the_state(learner_id: str) -> None:
    learner = pu(learner_id, CLASSES, FEATURES, held_out=0.5)
    state = learn(learner, sample(900))
    count = int(state["count"][0])
    aside = Rows(np.ones(count, np.int32), *(state[f"held_{name}"] for name in ("indptr", "indices", "values")))
    total = 0.0
    for term in terms(learner, state, aside):
        total += term
    assert state["sum"].tolist() == [total]


def test_c_does_not_depend_on_the_order_of_shards() -> None:
    sums = [{"sum": total, "count": 1} for total in (0.1, 0.2, 0.3, 0.7, 1e-17)]
    assert {label_frequency(list(order)) for order in permutations(sums)} == {1.3 / 5}


def test_c_of_no_shard_is_none() -> None:
    assert label_frequency([]) is None
    assert BAYES.ensemble([]).c is None


@pytest.mark.parametrize("learner_id", BOTH)
@pytest.mark.parametrize(
    "change",
    [
        lambda state: {"sum": np.nextafter(state["sum"], 9)},
        lambda state: {"sum": state["sum"].reshape(1, 1)},
        lambda state: {"count": state["count"] + 1},
        lambda state: {"count": state["count"].astype(np.int32)},
        lambda state: {"held_indptr": state["held_indptr"][:0]},
        lambda state: {"held_indptr": state["held_indptr"][::-1].copy()},
        lambda state: {"held_indptr": state["held_indptr"][:-1].copy()},
        lambda state: {"held_indptr": state["held_indptr"].astype(np.int32)},
        lambda state: {"held_indices": state["held_indices"][::-1].copy()},
        lambda state: {"held_values": state["held_values"] * np.nan},
        lambda state: {"held_values": state["held_values"] + 1},
        lambda state: {"base_features": state["base_features"][::-1].copy()},
        lambda state: {"base_more": state["sum"]},
        lambda state: {"more": state["sum"]},
    ],
)
def test_a_state_that_is_not_canonical_is_refused(learner_id: str, change: Any) -> None:
    learner = pu(learner_id, CLASSES, FEATURES)
    state = learn(learner, sample(200))
    learner.check(state)
    with pytest.raises(BadState):
        learner.check({**state, **change(state)})


@pytest.mark.parametrize("learner_id", BOTH)
def test_rows_held_out_in_another_order_or_role_are_no_state(learner_id: str) -> None:
    # given
    learner, rows = pu(learner_id, CLASSES, FEATURES), sample(200)
    state = learn(learner, rows)
    aside = rows.take(of_kind(learner, rows, "labelled held out"))
    trained = rows.take(of_kind(learner, rows, "labelled training")[:1])
    for other in (aside, Rows.concat([trained] * len(aside))):
        total = sum(terms(learner, state, other))
        swapped: State = {"held_indptr": other.indptr, "held_indices": other.indices, "held_values": other.values}
        # then
        with pytest.raises(BadState, match=r"order|should not be"):
            learner.check({**state, **swapped, "sum": np.array([total])})


@pytest.mark.parametrize("learner_id", BOTH)
@pytest.mark.parametrize(
    ("indices", "values"),
    [([FEATURES], [1.0]), ([-1], [1.0]), ([5, 3], [1.0, 1.0]), ([3], [np.nan]), ([3], [np.inf])],
)
def test_rows_held_out_that_no_one_could_learn_are_no_state(
    learner_id: str, indices: list[int], values: list[float]
) -> None:
    # given a learner that holds out all but one row of 2**53
    learner = pu(learner_id, CLASSES, FEATURES, held_out=1.0 - 2.0**-53)
    state: State = {
        **learner.empty(),
        "held_indptr": np.array([0, len(indices)]),
        "held_indices": np.array(indices, np.int32),
        "held_values": np.array(values),
    }
    # then
    with pytest.raises(BadState, match="should not be"):
        learner.check(state)


@pytest.mark.parametrize(
    ("classes", "settings"),
    [
        (("a", "b", "c"), {}),
        (("a",), {}),
        (CLASSES, {"held_out": 0.0}),
        (CLASSES, {"held_out": 1.0}),
        (CLASSES, {"held_out": float("nan")}),
        (CLASSES, {"seed": -1}),
        (CLASSES, {"seed": 2**63}),
        (CLASSES, {"seed": 1.0}),
        (CLASSES, {"seed": True}),
        (CLASSES, {"alpha": 0.0}),
        (CLASSES, {"alpha": 1e-101}),
        (CLASSES, {"alpha": 1e101}),
    ],
)
def test_wrong_settings_are_refused(classes: tuple[str, ...], settings: dict[str, Any]) -> None:
    with pytest.raises(BadSettings):
        pu("pu-naive-bayes", classes, FEATURES, **settings)


def test_a_base_without_an_exact_way_is_refused() -> None:
    class Other(Linear):
        id = "other"

    with pytest.raises(BadSettings, match="linear, naive-bayes can"):
        PositiveUnlabelled(Other(CLASSES, FEATURES))
    with pytest.raises(BadSettings):
        PositiveUnlabelled(PositiveUnlabelled(NaiveBayes(CLASSES, FEATURES)))


@pytest.mark.parametrize("learner_id", BOTH)
def test_settings_hold_all_that_states_depend_on(learner_id: str) -> None:
    learner = pu(learner_id, CLASSES, FEATURES, held_out=0.3, seed=5)
    settings = learner.settings()
    assert {field.name for field in fields(learner)} <= set(settings)
    assert (settings["learner"], settings["held_out"], settings["seed"]) == (learner_id, 0.3, 5)
    assert settings["base"] == learner.base.settings()


def test_naive_bayes_smooths_little_if_not_told() -> None:
    assert pu("pu-naive-bayes", CLASSES, FEATURES).base == NaiveBayes(CLASSES, FEATURES, alpha=0.01)
    assert pu("pu-naive-bayes", CLASSES, FEATURES, alpha=2.0).base == NaiveBayes(CLASSES, FEATURES, alpha=2.0)
    assert pu("pu-linear", CLASSES, FEATURES, lr=0.3).base == Linear(CLASSES, FEATURES, lr=0.3)
