"""How good the model is on records that were never sent, beside others that were trained on the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unlearn.events.event import Insert
from unlearn.events.features import rows_of
from unlearn_models.base.learner import Learner
from unlearn_models.base.rows import Rows

__all__ = ["Accuracy", "labelled_rows", "measure", "share_right"]

_ALPHAS = (1e-6, 1e-5, 1e-4, 1e-3)
_PASSES = 5


class Accuracy(NamedTuple):
    """Shares of right answers on `rows` held-out rows."""

    rows: int
    model: float
    one_shard: float
    """The same learner trained on all surviving rows at once."""
    sgd: float
    """scikit-learn's SGDClassifier on those rows, with the settings that do best on the held-out ones."""
    sgd_settings: int
    """How many settings were tried."""
    majority: float
    """Always answering the commonest label."""


def labelled_rows(inserts: Sequence[Insert], learner: Learner) -> Rows:
    """The learner's rows of the inserts that have a label, in their order."""
    return rows_of([insert for insert in inserts if insert.label], learner.classes, learner.n_features)


def share_right(scores: NDArray[np.float64], rows: Rows) -> float:
    """The share of rows whose best score in `scores` (n, classes) is that of their label; NaN without rows."""
    return float((scores.argmax(axis=1) == rows.labels).mean()) if len(rows) else float("nan")


def measure(learner: Learner, train: Rows, test: Rows, served: NDArray[np.float64]) -> Accuracy | None:
    """The model's accuracy on `test`, beside that of others trained on `train`; `served` are its scores (n, classes).

    None where there is nothing to train on, or nothing to ask.
    """
    if not len(test) or len(np.unique(train.labels)) < 2:
        return None
    single = learner.ensemble([learner.learn(learner.empty(), train)]).scores(test)
    rivals = [_sgd(train, test, alpha, normal) for alpha in _ALPHAS for normal in (False, True)]
    commonest = np.bincount(train.labels).argmax()
    return Accuracy(
        rows=len(test),
        model=share_right(served, test),
        one_shard=share_right(single, test),
        sgd=max(rivals),
        sgd_settings=len(rivals),
        majority=float((test.labels == commonest).mean()),
    )


def _sgd(train: Rows, test: Rows, alpha: float, normal: bool) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import SGDClassifier
    from sklearn.preprocessing import normalize

    width = 1 + max(rows.indices.max(initial=0) for rows in (train, test))
    x, y = (csr_matrix((r.values, r.indices, r.indptr), shape=(len(r), width)) for r in (train, test))
    if normal:
        x, y = normalize(x), normalize(y)
    model = SGDClassifier(loss="log_loss", alpha=alpha, max_iter=_PASSES, tol=None, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(model.fit(x, train.labels).score(y, test.labels))
