"""Every learner passes the shared suite, and the suite catches learners that shouldn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import BadSettings, BadState, Ensemble, Rows, State, make_learner
from unlearn_models.forest.settings import MAX_FEATURES
from unlearn_models.learner_checks import check_learner
from unlearn_models.linear.logistic import Linear
from unlearn_models.naive_bayes.multinomial import NaiveBayes
from unlearn_models.positive_unlabelled.learner import PU_BASES
from unlearn_models.registry import LEARNERS

CLASSES = ("ham", "spam", "scam", "chat")


def sample(n_classes: int, n_features: int) -> Rows:
    texts, _ = tweets(45, seed=1, words=60)
    labels = (np.arange(45) * 7 % n_classes).astype(np.int32)
    labels[::11] = -1
    return as_rows([*texts[:-2], "", "x"], labels, n_features)


def cases() -> Iterator[tuple[str, int, int]]:
    """(learner, classes, features): forests are narrow, positive and unlabelled rows make two classes."""
    for name in sorted(LEARNERS):
        for n_classes in (2,) if name in PU_BASES else (2, 3, 4):
            for n_features in (1, 40, MAX_FEATURES) if name == "forest" else (1, 40, 2**18, 2**31 - 1):
                yield name, n_classes, n_features


@pytest.mark.parametrize(("learner_id", "n_classes", "n_features"), list(cases()))
def test_a_learner_passes_the_suite(learner_id: str, n_classes: int, n_features: int) -> None:
    learner, rows = make_learner(learner_id, CLASSES[:n_classes], n_features), sample(n_classes, n_features)
    if learner.labels != learner.classes:
        rows.labels[rows.labels == 0] = -1
    check_learner(learner, rows)


class KeepsZeros(NaiveBayes):
    def forget(self, state: State, rows: Rows) -> State:
        left = dict(NaiveBayes.forget(self, state, rows))
        wide = np.zeros((2, len(state["features"])), np.int64)
        wide[:, np.isin(state["features"], left["features"])] = left["counts"]
        return left | {"features": state["features"], "counts": wide}

    def check(self, state: State) -> None:
        if len(state) < len(self.empty()):
            raise BadState("an array is missing")


class ChangesRows(NaiveBayes):
    def learn(self, state: State, rows: Rows) -> State:
        learned = NaiveBayes.learn(self, state, rows)
        rows.labels[rows.labels >= 0] ^= 1
        return learned


class ForgetsInOrderOnly(NaiveBayes):
    def forget(self, state: State, rows: Rows) -> State:
        if len(rows) > 1 and rows.labels[0] > rows.labels[-1]:
            return state
        return NaiveBayes.forget(self, state, rows)


class AcceptsAll(NaiveBayes):
    def accepts(self, rows: Rows) -> NDArray[np.bool_]:
        return np.ones(len(rows), np.bool_)


class CountsCalls(Linear):
    def learn(self, state: State, rows: Rows) -> State:
        learned = Linear.learn(self, state, rows)
        return {**learned, "bias": learned["bias"] * 0.5} if len(rows) else learned


class LearnsUnlabelled(Linear):
    def learn(self, state: State, rows: Rows) -> State:
        named = Rows(np.where(rows.labels == -1, np.int32(0), rows.labels), rows.indptr, rows.indices, rows.values)
        return Linear.learn(self, state, named)


class PretendsToForget(Linear):
    def forget(self, state: State, rows: Rows) -> State:
        return state


class GuessesFromNothing(Linear):
    def ensemble(self, states: Sequence[State]) -> Ensemble:
        guess = {"rows": np.ones(2, np.int64), "bias_means": np.ones(1), "bias_squares": np.ones(1)}
        return Linear.ensemble(self, states or [{**self.empty(), **guess}])


@pytest.mark.parametrize(
    ("kind", "finding"),
    [
        (KeepsZeros, "leaves a trace"),
        (ChangesRows, "changes an argument"),
        (ForgetsInOrderOnly, "leaves a trace"),
        (AcceptsAll, "bad row is accepted"),
        (CountsCalls, "than in one call"),
        (LearnsUnlabelled, "unlabelled rows"),
        (PretendsToForget, "CannotForget was not raised"),
        (GuessesFromNothing, "not uniform"),
    ],
)
def test_the_suite_catches_a_broken_learner(kind: type[NaiveBayes | Linear], finding: str) -> None:
    with pytest.raises(AssertionError, match=finding):
        check_learner(kind(CLASSES[:2], 40), sample(2, 40))


@pytest.mark.parametrize(
    ("learner_id", "classes", "n_features", "hyper"),
    [
        ("woods", ("a", "b"), 4, {}),
        ("linear", ("a",), 4, {}),
        ("linear", ("a", "a"), 4, {}),
        ("linear", ("a", ""), 4, {}),
        ("linear", ("a", "b"), 0, {}),
        ("linear", ("a", "b"), 2**31, {}),
        ("linear", ("a", "b"), 4, {"alpha": 1.0}),
        ("linear", ("a", "b"), 4, {"lr": 0.0}),
        ("linear", ("a", "b"), 4, {"eps": float("nan")}),
        ("linear", ("a", "b"), 4, {"rarity": 0.3}),
        ("pu-linear", ("a", "b"), 4, {"rarity": 0.25}),
        ("naive-bayes", ("a", "b"), 4, {"alpha": 0.0}),
        ("naive-bayes", ("a", "b"), 4, {"alpha": float("inf")}),
    ],
)
def test_wrong_settings_are_refused(
    learner_id: str, classes: tuple[str, ...], n_features: int, hyper: dict[str, Any]
) -> None:
    with pytest.raises(BadSettings):
        make_learner(learner_id, classes, n_features, **hyper)


def _names(settings: Any) -> set[str]:
    return {field.name for field in fields(settings)}


@pytest.mark.parametrize("learner_id", sorted(LEARNERS))
def test_settings_hold_all_that_states_depend_on(learner_id: str) -> None:
    # given
    learner = make_learner(learner_id, ("a", "b"), 7)
    # when
    settings = learner.settings()
    # then
    for name in _names(learner) - set(settings) - {"rarity"}:
        assert _names(getattr(learner, name)) <= set(settings)
    assert settings["learner"] == learner_id
    assert settings["classes"] == ["a", "b"]
