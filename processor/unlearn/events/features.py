"""Accepted inserts -> rows in memory: labels as class indices, text as hashed counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import Insert, features_of
from unlearn.ingest.plan import Row
from unlearn.partition.slices import NO_SUBJECT, Members
from unlearn_models import Rows, hash_texts

__all__ = ["members_of", "rows_of"]


def rows_of(inserts: Sequence[Insert], classes: Sequence[str], n_features: int) -> Rows:
    """The learner's rows of these inserts, in their order."""
    index: dict[str | None, int] = {name: i for i, name in enumerate(classes)}
    index[None] = -1
    labels = np.array([index[insert.label] for insert in inserts], np.int32)
    texts = [insert.text for insert in inserts if insert.text is not None]
    if len(texts) == len(inserts):
        return Rows(labels, *hash_texts(texts, n_features))
    return Rows.concat([_row(insert, labels[i : i + 1], n_features) for i, insert in enumerate(inserts)])


def members_of(rows: Sequence[Row], classes: Sequence[str], n_features: int) -> tuple[NDArray[np.int32], Members]:
    """(shards, members) of accepted rows."""
    insertions = [row.insertion for row in rows]
    members = Members(
        np.array([row.slot for row in rows], np.int64),
        _digests([insertion.who.record for insertion in insertions]),
        _digests([insertion.who.subject or NO_SUBJECT for insertion in insertions]),
        np.array([insertion.revision for insertion in insertions], np.int64),
        rows_of([insertion.event for insertion in insertions], classes, n_features),
    )
    return np.array([row.shard for row in rows], np.int32), members


def _digests(digests: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), 16)


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
