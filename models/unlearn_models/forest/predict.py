"""Probabilities from a forest's published arrays: the mean of its trees' leaf shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import f64, i32, i64, kernel, none, reads, writes
from unlearn_models.forest import plain
from unlearn_models.forest.trees import Trees


def predict(trees: Trees, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n, classes) for dense rows (n, features): the mean over trees of the class shares in a row's leaf.

    Trees without rows are ignored; uniform if none has rows.
    """
    out = np.empty((len(x), trees.counts.shape[1]))
    _vote(*trees, x, out)
    return out


@kernel(
    none,
    *(reads(i64), reads(i32), reads(f64), reads(i32), reads(i32, 2), reads(f64, 2), writes(f64, 2)),
    plain=plain.vote,
)
def _vote(starts: Any, feature: Any, threshold: Any, jump: Any, counts: Any, x: Any, out: Any) -> None:
    classes = out.shape[1]
    for i in range(len(x)):
        for c in range(classes):
            out[i, c] = 0.0
        voters = 0
        for tree in range(len(starts) - 1):
            start = starts[tree]
            node = start
            while feature[node] >= 0:
                node = node + 1 if x[i, feature[node]] <= threshold[node] else start + jump[node]
            leaf = (start + tree) // 2 + jump[node]
            rows = np.int64(0)
            for c in range(classes):
                rows += counts[leaf, c]
            if rows:
                voters += 1
                for c in range(classes):
                    out[i, c] += float(counts[leaf, c]) / float(rows)
        for c in range(classes):
            out[i, c] = out[i, c] / float(voters) if voters else 1.0 / float(classes)
