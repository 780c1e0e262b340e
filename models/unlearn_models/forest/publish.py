"""A forest's canonical arrays: what is published, without rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.forest.kernels.preorder import preorder
from unlearn_models.forest.table import Table
from unlearn_models.forest.trees import Trees


def publish(heap: NDArray[np.int32], roots: NDArray[np.int64], table: Table, n_classes: int) -> Trees:
    """The trees' canonical arrays, read-only.  Lazy changes must have been flushed."""
    starts = np.zeros(len(roots) + 1, np.int64)
    nothing = Trees(
        starts, np.empty(0, np.int32), np.empty(0), np.empty(0, np.int32), np.empty((0, n_classes), np.int32)
    )
    read = heap, roots, table.where, table.low, table.values, table.places
    room = np.empty(64, np.int64), np.empty(64, np.int64)
    nodes = preorder(*read, *nothing, *room, False)
    trees = Trees(
        starts,
        np.empty(nodes, np.int32),
        np.empty(nodes),
        np.empty(nodes, np.int32),
        np.empty(((nodes + len(roots)) // 2, n_classes), np.int32),
    )
    preorder(*read, *trees, *room, True)
    for array in trees:
        array.flags.writeable = False
    return trees
