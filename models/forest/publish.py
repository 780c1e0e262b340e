"""A forest's canonical arrays: what is published, without rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forest import layout as at
from models.forest.table import Table
from models.kernel import f64, flag, i32, i64, kernel, reads, writes


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


def publish(heap: NDArray[np.int32], roots: NDArray[np.int64], table: Table, n_classes: int) -> Trees:
    """Read-only arrays.  Nothing in the heap may wait for a flush."""
    starts = np.zeros(len(roots) + 1, np.int64)
    nothing = Trees(
        starts, np.empty(0, np.int32), np.empty(0), np.empty(0, np.int32), np.empty((0, n_classes), np.int32)
    )
    nodes = _walk(heap, roots, table.where, table.low, table.values, table.places, *nothing, False)
    trees = Trees(
        starts,
        np.empty(nodes, np.int32),
        np.empty(nodes),
        np.empty(nodes, np.int32),
        np.empty(((nodes + len(roots)) // 2, n_classes), np.int32),
    )
    _walk(heap, roots, table.where, table.low, table.values, table.places, *trees, True)
    for array in trees:
        array.flags.writeable = False
    return trees


@kernel(
    i64,
    reads(i32),
    reads(i64),
    reads(i32),
    reads(f64),
    reads(f64),
    reads(i64, 2),
    writes(i64),
    writes(i32),
    writes(f64),
    writes(i32),
    writes(i32, 2),
    flag,
)
def _walk(
    heap: Any,
    roots: Any,
    where: Any,
    low: Any,
    values: Any,
    places: Any,
    starts: Any,
    feature: Any,
    threshold: Any,
    jump: Any,
    counts: Any,
    fill: bool,
) -> int:
    """Find where trees start, then fill the other arrays; the number of nodes."""
    classes = counts.shape[1]
    width = at.COUNTS + classes
    stack, parents = np.empty(64, np.int64), np.empty(64, np.int64)
    n, leaves = 0, 0
    for tree in range(len(roots)):
        starts[tree] = n
        first_leaf = leaves
        top = 0
        stack[0], parents[0] = roots[tree], -1
        while top >= 0:
            node, parent = stack[top], parents[top]
            top -= 1
            if fill and parent >= 0:
                jump[parent] = n - starts[tree]
            split = heap[node + at.FEATURE]
            if split < 0:
                if fill:
                    feature[n], threshold[n], jump[n] = -1, 0.0, leaves - first_leaf
                    for c in range(classes):
                        counts[leaves, c] = heap[node + at.COUNTS + c]
                leaves += 1
            else:
                if fill:
                    feature[n] = split
                    column = where[split]
                    threshold[n] = low[split] if column < 0 else values[places[column, 0] + heap[node + at.THRESHOLD]]
                stack[top + 1], parents[top + 1] = heap[node + at.LEFT] + width, n
                stack[top + 2], parents[top + 2] = heap[node + at.LEFT], -1
                top += 2
            n += 1
    starts[len(roots)] = n
    return n
