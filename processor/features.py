"""Accepted inserts -> rows in memory: labels as class indices, text as hashed counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models import Rows, hash_texts
from processor.events import Insert, features_of
from processor.plan import Row
from processor.slices import NO_SUBJECT, Members

__all__ = ["members_of", "rows_of"]


def rows_of(inserts: Sequence[Insert], classes: Sequence[str], n_features: int) -> Rows:
    """The learner's rows of these inserts, in their order."""
    index: dict[str | None, int] = {name: i for i, name in enumerate(classes)}
    index[None] = -1
    labels = np.fromiter((index[insert.label] for insert in inserts), np.int32, len(inserts))
    if all(insert.text is not None for insert in inserts):
        return Rows(labels, *hash_texts([insert.text or "" for insert in inserts], n_features))
    return Rows.concat([_row(insert, labels[i : i + 1], n_features) for i, insert in enumerate(inserts)])


def members_of(rows: Sequence[Row], classes: Sequence[str], n_features: int) -> tuple[NDArray[np.int32], Members]:
    """(shards, members) of accepted rows."""
    shards = np.fromiter((row.shard for row in rows), np.int32, len(rows))
    whos = [row.insertion.who for row in rows]
    members = Members(
        np.fromiter((row.slot for row in rows), np.int64, len(rows)),
        _digests([who.record for who in whos]),
        _digests([who.subject or NO_SUBJECT for who in whos]),
        np.fromiter((row.insertion.revision for row in rows), np.int64, len(rows)),
        rows_of([row.insertion.event for row in rows], classes, n_features),
    )
    return shards, members


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
