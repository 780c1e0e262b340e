"""Trees written out in preorder."""

from __future__ import annotations

from typing import Any

from unlearn_models.base.kernel import f64, flag, i32, i64, lean_kernel, reads, writes
from unlearn_models.forest.kernels import layout as at


@lean_kernel(
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
    writes(i64),
    writes(i64),
    flag,
)
def preorder(
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
    stack: Any,
    parents: Any,
    fill: bool,
) -> Any:
    """Write where each tree starts and, if `fill` is true, the other arrays of `Trees`; returns the number of nodes."""
    classes = counts.shape[1]
    width = at.COUNTS + classes
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
