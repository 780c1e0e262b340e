"""Ensembles that are one linear model, computed once more in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unlearn_models import Rows, hash_texts, make_learner
from unlearn_models.base.aggregate import LONGEST, Aggregate, Aggregated
from unlearn_models.base.learner import Ensemble, Learner

FEATURES = 512
WORDS = [
    "win",
    "cash",
    "now",
    "free",
    "prize",
    "see",
    "you",
    "at",
    "noon",
    "lunch",
    "meeting",
    "tomorrow",
    "call",
    "me",
    "back",
    "claim",
]
APART = 1e-12
CASES = [
    ("naive-bayes", ("ham", "spam"), {}),
    ("naive-bayes", ("ham", "spam", "news"), {"alpha": 0.1}),
    ("complement-naive-bayes", ("ham", "spam", "news"), {}),
    ("complement-naive-bayes", ("ham", "spam", "news"), {"norm": True}),
    ("linear", ("ham", "spam"), {}),
    ("linear", ("ham", "spam"), {"rarity": 0.5}),
    ("linear", ("ham", "spam", "news"), {"rarity": 0.25}),
]


def texts(count: int, seed: int) -> list[str]:
    """Of 1 to 200 words, so that some rows are longer than `LONGEST`."""
    drawn = np.random.default_rng(seed)
    return [" ".join(drawn.choice(WORDS, drawn.integers(1, 200))) for _ in range(count)]


def rows_of(count: int, seed: int, classes: int) -> Rows:
    labels = np.random.default_rng(seed).integers(0, classes, count).astype(np.int32)
    return Rows(labels, *hash_texts(texts(count, seed), FEATURES))


def ensemble_of(learner: Learner, labels: int, shards: int = 3) -> Ensemble:
    """Of shards that were given rows of the first `labels` classes."""
    return learner.ensemble([learner.learn(learner.empty(), rows_of(40, seed, labels)) for seed in range(shards)])


def dense(rows: Rows) -> NDArray[np.float64]:
    table = np.zeros((len(rows), FEATURES))
    for row in range(len(rows)):
        cells = slice(rows.indptr[row], rows.indptr[row + 1])
        table[row, rows.indices[cells]] = rows.values[cells]
    return table


def scored(model: Aggregate, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    x = counts
    if model.values == "damped":
        x = np.sign(counts) * np.sqrt(np.abs(counts))
        x = x * np.minimum(1, LONGEST / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9))
    z = x @ model.table(FEATURES) + model.bias
    if model.link == "softmax":
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))
    p = 1 / (1 + np.exp(-z))
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else np.asarray(p / p.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("name", "classes", "options"), CASES)
@pytest.mark.parametrize("lacking", [0, 1])
def test_one_linear_model_scores_as_the_ensemble(
    name: str, classes: tuple[str, ...], options: dict[str, Any], lacking: int
) -> None:
    learner = make_learner(name, classes, FEATURES, **options)
    ensemble = ensemble_of(learner, len(classes) - lacking)
    asked = rows_of(60, 99, len(classes))
    # Words that no shard has seen
    unseen = Rows(np.full(1, -1, np.int32), *hash_texts(["never seen words"], FEATURES))

    assert isinstance(ensemble, Aggregated)
    model = ensemble.aggregate()
    for rows in (asked, unseen):
        assert np.abs(scored(model, dense(rows)) - ensemble.scores(rows)).max() < APART


@pytest.mark.parametrize("name", ["forest", "pu-naive-bayes", "pu-linear"])
def test_others_are_none(name: str) -> None:
    learner = make_learner(name, ("ham", "spam"), FEATURES)
    rows = rows_of(40, 1, 2)
    rows = Rows(np.where(rows.labels == 0, -1, 1).astype(np.int32), *hash_texts(texts(40, 1), FEATURES))

    assert not isinstance(learner.ensemble([learner.learn(learner.empty(), rows)]), Aggregated)


def test_the_weights_of_chosen_features() -> None:
    ensemble = ensemble_of(make_learner("naive-bayes", ("ham", "spam"), FEATURES), 2)
    assert isinstance(ensemble, Aggregated)
    model, chosen = ensemble.aggregate(), np.arange(FEATURES, dtype=np.int32)

    assert (model.at(chosen) == model.table(FEATURES)).all()
