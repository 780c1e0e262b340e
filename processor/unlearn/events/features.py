"""Turns accepted inserts into rows: labels become class indices, texts become hashed counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import Insert, features_of
from unlearn_models import Rows, hash_texts

__all__ = ["rows_of"]


def rows_of(inserts: Sequence[Insert], classes: Sequence[str], n_features: int) -> Rows:
    """The learner's rows of these inserts, in their order; no label becomes class -1.

    `n_features` is the width for hashing.
    """
    index: dict[str | None, int] = {name: i for i, name in enumerate(classes)}
    index[None] = -1
    labels = np.array([index[insert.label] for insert in inserts], np.int32)
    texts = [insert.text for insert in inserts if insert.text is not None]
    if len(texts) == len(inserts):
        return Rows(labels, *hash_texts(texts, n_features))
    return Rows.concat([_row(insert, labels[i : i + 1], n_features) for i, insert in enumerate(inserts)])


def _row(insert: Insert, label: NDArray[np.int32], n_features: int) -> Rows:
    if insert.text is not None:
        return Rows(label, *hash_texts([insert.text], n_features))
    indices, values = features_of(insert)
    return Rows(
        label,
        np.array([0, len(indices)], np.int64),
        np.fromiter(indices, np.int32, len(indices)),
        np.fromiter(values, np.float64, len(values)),
    )
