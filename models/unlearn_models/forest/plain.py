"""Scoring by trees, and checking them, without compiled code: all trees and rows take each step down at once.

The arguments are the arrays of `Trees`, in its order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["vote", "whole"]

_AT_ONCE = 2**18
"""Pairs of a row and a tree that are walked at once."""


def vote(
    starts: NDArray[np.int64],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    jump: NDArray[np.int32],
    counts: NDArray[np.int32],
    x: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """As the kernel: out (n, classes) is the mean over trees of the class shares in each row's leaf."""
    step = max(1, _AT_ONCE // len(starts))
    for row in range(0, len(x), step):
        _vote(starts, feature, threshold, jump, counts, x[row : row + step], out[row : row + step])


def _vote(
    starts: NDArray[np.int64],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    jump: NDArray[np.int32],
    counts: NDArray[np.int32],
    x: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    start = starts[:-1]
    rows = np.arange(len(x))[:, None]
    node = np.broadcast_to(start, (len(x), len(start)))
    while ((split := feature[node]) >= 0).any():
        left = x[rows, np.maximum(split, 0)] <= threshold[node]
        down = np.where(left, node + 1, start + jump[node])
        node = np.where(split >= 0, down, node)
    found = counts[(start + np.arange(len(start))) // 2 + jump[node]]
    held = found.sum(axis=2, dtype=np.int64)
    shares = found / np.maximum(held, 1)[:, :, None]
    voters = np.count_nonzero(held, axis=1)[:, None]
    # A running sum adds tree after tree; numpy's own sum has an order of its own.
    sums = np.cumsum(shares, axis=1)[:, -1]
    np.divide(sums, voters, out=out, where=voters > 0)
    out[voters[:, 0] == 0] = 1.0 / out.shape[1]


def whole(
    starts: NDArray[np.int64],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    jump: NDArray[np.int32],
    counts: NDArray[np.int32],
    rows: NDArray[np.int64],
    n_features: int,
    depth: int,
) -> bool:
    """As the kernel: whether every tree is whole, in preorder, and has at most rows (classes,) of each class."""
    leaves = np.flatnonzero(feature < 0)
    if len(leaves) != len(counts) or (feature >= n_features).any() or not _nested(starts, feature, jump, depth):
        return False
    # Of nested nodes, the leaves before a tree are half of the nodes and trees before it.
    before = (starts + np.arange(len(starts))) // 2
    number = np.arange(len(leaves)) - np.repeat(before[:-1], np.diff(before))
    if (feature[leaves] != -1).any() or threshold[leaves].any() or (jump[leaves] != number).any():
        return False
    alone = np.diff(starts) == 1
    if (counts < 0).any() or (~counts.any(axis=1) & ~np.repeat(alone, np.diff(before))).any():
        return False
    held = np.add.reduceat(counts.astype(np.int64), before[:-1], axis=0)
    return bool((held <= rows).all())


def _nested(starts: NDArray[np.int64], feature: NDArray[np.int32], jump: NDArray[np.int32], depth: int) -> bool:
    """Whether each tree's nodes are those of its root, as the kernel walks them: a node's left subtree follows it, the
    right one follows that, and nodes that split are at most `depth` deep."""
    start = first = starts[:-1]
    stop = starts[1:]
    for _ in range(depth + 1):
        splits = feature[first] >= 0
        if (stop[~splits] != first[~splits] + 1).any():
            return False
        start, first, stop = start[splits], first[splits], stop[splits]
        if not len(first):
            return True
        right = start + jump[first]
        if ((right <= first + 1) | (right >= stop)).any():
            return False
        start, first, stop = np.tile(start, 2), np.concatenate([first + 1, right]), np.concatenate([right, stop])
    return False
