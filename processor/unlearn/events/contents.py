"""What usual inserts hold, as columns: labels, and texts or features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn.events.usual_inserts import AS_FEATURES, AS_TEXT, UsualInserts
from unlearn_models import Rows
from unlearn_models.base.rows import cells_of
from unlearn_models.text.hashing import hash_utf8

__all__ = ["NO_CONTENTS", "Contents"]


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Of n inserts: labels (n,) int32, and spans (n, 2) int64 of texts and of features; (-1, -1) for what is not held.

    Spans of texts are of `text`, uint8 in UTF-8; those of features are of `indices` int32 and `values` float64.
    """

    labels: NDArray[np.int32]
    texts: NDArray[np.int64]
    features: NDArray[np.int64]
    text: NDArray[np.uint8]
    indices: NDArray[np.int32]
    values: NDArray[np.float64]

    @staticmethod
    def of(found: UsualInserts) -> Contents:
        """The contents of all messages, those that aren't taken included."""
        return Contents(
            found.labels,
            _spans(found.text_ends, found.kinds == AS_TEXT),
            _spans(found.indptr[1:], found.kinds == AS_FEATURES),
            found.text,
            found.indices,
            found.values,
        )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: NDArray[np.bool_]) -> Contents:
        """Those where the mask (n,) is true, over the same buffers."""
        spans = self.texts[which], self.features[which]
        return Contents(self.labels[which], *spans, self.text, self.indices, self.values)

    def rows(self, n_features: int) -> Rows:
        """The learner's rows, in order; `n_features` is the width for hashing texts."""
        with_text = self.texts[:, 0] >= 0
        if with_text.all():
            return Rows(self.labels, *hash_utf8(self.text, self.texts, n_features))
        texts = Rows(self.labels[with_text], *hash_utf8(self.text, self.texts[with_text], n_features))
        features = self._with_features(~with_text)
        order = np.argsort(np.concatenate([np.flatnonzero(with_text), np.flatnonzero(~with_text)]))
        return Rows.concat([texts, features]).take(order)

    def _with_features(self, which: NDArray[np.bool_]) -> Rows:
        starts, stops = self.features[which].T
        # Spans lie one behind the other, so they are rows of a CSR matrix with others between them.
        bounds = np.stack([starts, stops], axis=1).reshape(-1)
        indptr, cells = cells_of(bounds, np.arange(0, len(bounds), 2))
        return Rows(self.labels[which], indptr, self.indices[cells], self.values[cells])


def _spans(ends: NDArray[np.int64], which: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(start, stop) of what ends at `ends`, one behind the other; -1 where `which` is false."""
    spans = np.empty((len(ends), 2), np.int64)
    spans[:, 1] = ends
    spans[1:, 0], spans[:1, 0] = ends[:-1], 0
    spans[~which] = -1
    return spans


NO_CONTENTS = Contents(
    np.zeros(0, np.int32),
    np.zeros((0, 2), np.int64),
    np.zeros((0, 2), np.int64),
    np.zeros(0, np.uint8),
    np.zeros(0, np.int32),
    np.zeros(0, np.float64),
)
