"""A node's class counts, and the subtree, cache and rows that belong to it."""

from __future__ import annotations

from typing import Any

from unlearn_models.base.kernel import flag, i64, lean_kernel, none, reads, u8
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.heap import give
from unlearn_models.forest.kernels.signatures import HEAP, LABELS, NUMBERS, ROWS, STACK, Ints, Longs
from unlearn_models.forest.kernels.walk import WALK_STACK


@lean_kernel(i64, HEAP, i64, i64)
def total(heap: Ints, node: Any, classes: Any) -> Any:
    """The number of a node's rows, from its class counts."""
    n = 0
    for c in range(classes):
        n += heap[node + at.COUNTS + c]
    return n


@lean_kernel(flag, HEAP, NUMBERS, i64, i64)
def is_end(heap: Ints, numbers: Longs, node: Any, depth: Any) -> Any:
    """Whether the node is a leaf whatever its rows hold: at the greatest depth, too small to split, or of one class."""
    n, most = 0, 0
    for c in range(numbers[at.N_CLASSES]):
        count = heap[node + at.COUNTS + c]
        n += count
        most = max(most, count)
    return depth >= numbers[at.N_DEPTH] or n < 2 * numbers[at.N_LEAF] or most == n


@lean_kernel(none, HEAP, i64, ROWS, i64, i64, ROWS, i64, i64, LABELS)
def count(
    heap: Ints, node: Any, dels: Ints, dlow: Any, dhigh: Any, adds: Ints, alow: Any, ahigh: Any, labels: Ints
) -> None:
    """Change a node's class counts: dels[dlow:dhigh] leave it, adds[alow:ahigh] enter it."""
    for i in range(dlow, dhigh):
        heap[node + at.COUNTS + labels[dels[i]]] -= 1
    for i in range(alow, ahigh):
        heap[node + at.COUNTS + labels[adds[i]]] += 1


@lean_kernel(i64, HEAP, i64, ROWS, i64, reads(u8), i64, STACK)
def gather(heap: Ints, node: Any, rows: Ints, n: Any, gone: Any, classes: Any, stack: Longs) -> Any:
    """Append the rows of a node's subtree, without those that are gone, to rows[:n]; returns the new n."""
    top = WALK_STACK
    stack[top, 0] = node
    while top >= WALK_STACK:
        node = stack[top, 0]
        top -= 1
        block = heap[node + at.BLOCK]
        if block:
            for i in range(total(heap, node, classes)):
                row = heap[block + i]
                rows[n] = row
                n += gone[row] == 0
        else:
            left = heap[node + at.LEFT]
            stack[top + 1, 0] = left + at.COUNTS + classes
            stack[top + 2, 0] = left
            top += 2
    return n


@lean_kernel(none, HEAP, NUMBERS, i64, STACK)
def drop(heap: Ints, numbers: Longs, node: Any, stack: Longs) -> None:
    """Free a node's subtree, cache and block, and leave it a leaf without a block."""
    width = at.COUNTS + numbers[at.N_CLASSES]
    top = WALK_STACK - 1
    siblings, many = node, 1
    while True:
        for s in range(many):
            each = siblings + s * width
            if heap[each + at.LEFT]:
                top += 1
                stack[top, 0] = heap[each + at.LEFT]
            if heap[each + at.CACHE] > 0:
                give(heap, numbers, heap[each + at.CACHE], heap[heap[each + at.CACHE] + at.IMAGE_SIZE])
            if heap[each + at.BLOCK]:
                give(heap, numbers, heap[each + at.BLOCK], heap[each + at.ROOM])
        if many == 2:
            give(heap, numbers, siblings, 2 * width)
        if top < WALK_STACK:
            break
        siblings, many = stack[top, 0], 2
        top -= 1
    heap[node + at.FEATURE] = -1
    heap[node + at.THRESHOLD] = 0
    heap[node + at.LEFT] = 0
    heap[node + at.CACHE] = 0
    heap[node + at.BLOCK] = 0
    heap[node + at.ROOM] = 0


@lean_kernel(none, HEAP, NUMBERS, i64, STACK)
def flatten(heap: Ints, numbers: Longs, node: Any, stack: Longs) -> None:
    """Make a bucket one leaf that only stores rows until a node above it, marked DIRTY, is rebuilt."""
    block, room = heap[node + at.BLOCK], heap[node + at.ROOM]
    heap[node + at.BLOCK] = 0
    drop(heap, numbers, node, stack)
    heap[node + at.BLOCK], heap[node + at.ROOM] = block, room
