"""The linear learner is no worse than scikit-learn's best SGDClassifier on the same rows, at one shard."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import normalize

from tests.unit.models.corpora import FEATURES, GET_MAILS, MAILS, as_rows, mails, tweets
from unlearn_models import Rows, make_learner

ALPHAS = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
Split = tuple[Rows, Rows]


def matrix(rows: Rows) -> csr_matrix:
    return csr_matrix((rows.values, rows.indices, rows.indptr), shape=(len(rows), FEATURES))


def linear(train: Rows, test: Rows) -> float:
    learner = make_learner("linear", ("ham", "spam"), FEATURES)
    scores = learner.ensemble([learner.learn(learner.empty(), train)]).scores(test)
    return float((scores.argmax(axis=1) == test.labels).mean())


def sgd(train: Rows, test: Rows, alpha: float, norm: bool) -> float:
    x, y = (normalize(matrix(rows)) if norm else matrix(rows) for rows in (train, test))
    model = SGDClassifier(loss="log_loss", alpha=alpha, max_iter=5, tol=None, random_state=0)
    return float(model.fit(x, train.labels).score(y, test.labels))


def assert_no_worse(splits: list[Split]) -> None:
    ours = np.mean([linear(*split) for split in splits])
    theirs = {
        (alpha, norm): np.mean([sgd(*split, alpha, norm) for split in splits])
        for alpha in ALPHAS
        for norm in (False, True)
    }
    best = max(theirs, key=lambda setting: theirs[setting])
    print(f"linear {ours:.4f}, SGDClassifier {theirs[best]:.4f} at alpha, l2 = {best}")
    assert ours >= theirs[best]


def test_on_generated_tweets() -> None:
    splits = []
    for seed in (1, 2, 3):
        rows = as_rows(*tweets(30_000, seed))
        splits.append((rows.take(np.arange(20_000)), rows.take(np.arange(20_000, 30_000))))
    assert_no_worse(splits)


@pytest.mark.skipif(not MAILS.exists(), reason=GET_MAILS)
def test_on_the_mails_of_spam_assassin() -> None:
    rows = as_rows(*mails())
    fold = np.random.default_rng(11).integers(0, 8, len(rows))
    assert_no_worse([(rows.take(fold != held), rows.take(fold == held)) for held in range(8)])
