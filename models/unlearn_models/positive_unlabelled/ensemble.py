"""Several shards' g and c together: P(positive | x) = g(x) / c."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.learner import Ensemble
from unlearn_models.base.rows import Rows


def label_frequency(summaries: Sequence[Mapping[str, float]]) -> float | None:
    """c of all these shards, in 0..1, from their `summary`, whatever their order; None where they don't tell."""
    total, count = fsum(one["sum"] for one in summaries), sum(one["count"] for one in summaries)
    return total / count if total > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class PUEnsemble:
    """g, and c = P(labelled | positive); c is None where no shard with rows of both kinds has a labelled one held out.

    Without c the scores are g's own: P(labelled | x), which ranks rows as P(positive | x) does but is too small.
    """

    g: Ensemble
    c: float | None

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        scores = self.g.scores(rows)
        if self.c is None:
            return scores
        positive = np.minimum(1.0, scores[:, 1] / self.c)
        return np.stack([1.0 - positive, positive], axis=1)
