# ruff: noqa: C901, PLR0911, PLR0912  a kernel: calls of many arguments cost more than branches
"""Checks whether arrays are trees that could have been published."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base import validation
from unlearn_models.base.errors import BadState
from unlearn_models.base.kernel import f64, flag, i32, i64, kernel, reads
from unlearn_models.forest import plain
from unlearn_models.forest.settings import Settings
from unlearn_models.forest.trees import Trees


def check_trees(trees: Trees, settings: Settings, rows: NDArray[np.int64], n_features: int) -> None:
    """Raises BadState unless every tree is whole, in preorder, and has at most rows (classes,) of each class."""
    nodes, classes = len(trees.feature), len(rows)
    leaves = (nodes + settings.trees) // 2
    validation.check_arrays(
        trees._asdict(),
        {
            "starts": ("i8", (settings.trees + 1,)),
            "feature": ("i4", (nodes,)),
            "threshold": ("f8", (nodes,)),
            "jump": ("i4", (nodes,)),
            "counts": ("i4", (leaves, classes)),
        },
    )
    starts = trees.starts
    if starts[0] != 0 or starts[-1] != nodes or (np.diff(starts) < 1).any() or (np.diff(starts) % 2 == 0).any():
        raise BadState("the nodes are not cut into trees")
    if not np.isfinite(trees.threshold).all() or not _whole(*trees, rows, n_features, settings.depth):
        raise BadState("a tree is not whole, or holds rows that are not there")


@kernel(
    flag,
    *(reads(i64), reads(i32), reads(f64), reads(i32), reads(i32, 2), reads(i64), i64, i64),
    plain=plain.whole,
)
def _whole(
    starts: Any, feature: Any, threshold: Any, jump: Any, counts: Any, rows: Any, n_features: int, depth: int
) -> bool:
    classes = len(rows)
    waiting, levels = np.empty(64, np.int64), np.empty(64, np.int64)
    for tree in range(len(starts) - 1):
        start, end, leaves, top, level = starts[tree], starts[tree + 1], np.int64(0), 0, np.int64(0)
        held = np.zeros(classes, np.int64)
        node = start
        while node < end:
            if feature[node] >= 0:
                if feature[node] >= n_features or level >= depth or not node + 1 < start + jump[node] < end:
                    return False
                waiting[top], levels[top] = start + jump[node], level
                top += 1
                level += 1
            else:
                if feature[node] != -1 or threshold[node] != 0.0 or jump[node] != leaves:
                    return False
                leaf, n = (start + tree) // 2 + leaves, np.int64(0)
                if leaf >= len(counts):
                    return False
                for c in range(classes):
                    if counts[leaf, c] < 0:
                        return False
                    n += counts[leaf, c]
                    held[c] += counts[leaf, c]
                if n == 0 and end - start > 1:
                    return False
                leaves += 1
                if top == 0:
                    if node + 1 != end:
                        return False
                else:
                    top -= 1
                    if waiting[top] != node + 1:
                        return False
                    level = levels[top] + 1
            node += 1
        if top > 0 or feature[end - 1] >= 0:
            return False
        for c in range(classes):
            if held[c] > rows[c]:
                return False
    return True
