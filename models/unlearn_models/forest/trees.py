"""A forest's canonical arrays: what is published of it, without rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trees", "bare_trees"]


class Trees(NamedTuple):
    """All nodes, tree after tree, each in preorder: a left child follows its parent.

    starts (trees + 1,) int64: where each tree begins;  feature (nodes,) int32, -1 = leaf;
    threshold (nodes,) float64: x <= threshold goes left, 0.0 in leaves;
    jump (nodes,) int32: the right child's place in the tree, or the leaf's number in it;
    counts (leaves, classes) int32: rows.  A tree of m nodes has (m + 1) / 2 leaves.
    """

    starts: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    jump: NDArray[np.int32]
    counts: NDArray[np.int32]


def bare_trees(trees: int, n_classes: int) -> Trees:
    """The arrays of so many trees that hold no rows: a leaf each."""
    return Trees(
        np.arange(trees + 1, dtype=np.int64),
        np.full(trees, -1, np.int32),
        np.zeros(trees),
        np.zeros(trees, np.int32),
        np.zeros((trees, n_classes), np.int32),
    )
