"""Rows for positive-unlabelled learning, and what becomes of each: its role, its label."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import Rows
from unlearn_models.positive_unlabelled.learner import PositiveUnlabelled

CLASSES = ("ham", "spam")
FEATURES = 2**12
Kind = Literal["labelled training", "labelled held out", "unlabelled training", "unlabelled held out"]


def sample(n: int, seed: int = 1, n_features: int = FEATURES) -> Rows:
    """n texts, half of the positive ones labelled; some come again, one is empty."""
    texts, positive = tweets(n - 4, seed, words=400)
    labels = np.where((positive == 1) & (np.arange(n - 4) % 2 == 0), 1, -1)
    return as_rows([*texts, *texts[:3], ""], np.append(labels, [1, 1, -1, 1]).astype(np.int32), n_features)


def labelled(rows: Rows, labels: int | NDArray[np.int32]) -> Rows:
    """The same rows under other labels."""
    wanted = np.broadcast_to(np.asarray(labels, np.int32), len(rows)).copy()
    return Rows(wanted, rows.indptr, rows.indices, rows.values)


def of_kind(learner: PositiveUnlabelled, rows: Rows, kind: Kind) -> NDArray[np.intp]:
    """Where rows of this kind are; there is one at least."""
    label, role = kind.split(" ", 1)
    held = learner.holds_out(rows) == (role == "held out")
    found = np.flatnonzero(held & (rows.labels == (1 if label == "labelled" else -1)))
    assert len(found)
    return found


def without(rows: Rows, gone: NDArray[np.intp]) -> Rows:
    return rows.take(np.delete(np.arange(len(rows)), gone))
