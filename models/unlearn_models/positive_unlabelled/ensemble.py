"""Several shards' g and c together: P(positive | x) = g(x) / c (Elkan and Noto, KDD 2008, lemma 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.learner import Ensemble
from unlearn_models.base.rows import Rows


def label_frequency(summaries: Sequence[Mapping[str, float]]) -> float | None:
    """c = P(labelled | positive), in 0..1, from the shards' `summary` in any order; None if their sums are 0."""
    total, count = fsum(one["sum"] for one in summaries), sum(one["count"] for one in summaries)
    return total / count if total > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class PUEnsemble:
    """g = P(labelled | x), and c = P(labelled | positive).

    c is None if no shard that learned rows of both kinds holds out a labelled one.  Without c the scores are g itself,
    which ranks rows as P(positive | x) does but is too small.
    """

    g: Ensemble
    c: float | None

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        scores = self.g.scores(rows)
        if self.c is None:
            return scores
        positive = np.minimum(1.0, scores[:, 1] / self.c)
        return np.stack([1.0 - positive, positive], axis=1)
