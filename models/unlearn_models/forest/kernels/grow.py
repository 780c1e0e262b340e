"""Grows a tree from rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, none, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.choose import choose
from unlearn_models.forest.kernels.hashing import child_key
from unlearn_models.forest.kernels.heap import class_size, size_class, take
from unlearn_models.forest.kernels.nodes import is_end
from unlearn_models.forest.kernels.partition import partition, partition_bits
from unlearn_models.forest.kernels.scan import scan
from unlearn_models.forest.kernels.signatures import COLUMNS, HEAP, NUMBERS, ROOM, Columns, Ints, Longs, Room
from unlearn_models.forest.kernels.walk import GROW_STACK

INSIDE, SCANNED, DONE = 1, 2, 4
"""Of a node to grow: it is inside another one's bucket; its image is made; its bucket is done, its rows in order."""


@lean_kernel(none, HEAP, NUMBERS, i64, u64, i64, i64, i64, i64, COLUMNS, ROOM)
def grow(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    depth: Any,
    low: Any,
    high: Any,
    inside: Any,
    columns: Columns,
    room: Room,
) -> None:
    """Grow the subtree of rows[low:high] at a node that has none; inside: 0, INSIDE, SCANNED or both."""
    bits, ids, labels, ranks, raw, _, places, where = columns
    rows, spare, image, words, _, scores, stack, keys = room
    classes = numbers[at.N_CLASSES]
    width = at.COUNTS + classes
    top = GROW_STACK
    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4] = node, depth, low, high, inside
    keys[top] = key
    for c in range(classes):
        heap[node + at.COUNTS + c] = 0
    for i in range(low, high):
        heap[node + at.COUNTS + labels[rows[i]]] += 1
    while top >= GROW_STACK:
        node, depth, low, high, inside = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4]
        key = keys[top]
        top -= 1
        if inside == DONE:
            for i in range(high - low):
                heap[heap[node + at.BLOCK] + i] = rows[low + i]
            continue
        for i in range(at.COUNTS):
            heap[node + i] = 0
        heap[node + at.FEATURE] = -1
        split, size = np.int64(-1), 0
        if not is_end(heap, numbers, node, depth):
            if not inside & SCANNED:
                kept = not inside & INSIDE and high - low > numbers[at.N_BUCKET]
                scan(heap, numbers, node, key, low, high, columns, room, kept)
            split = choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores)
            size = class_size(size_class(image[at.IMAGE_SIZE]))
        inside &= INSIDE
        if not inside:
            if split >= 0 and high - low > numbers[at.N_BUCKET] and numbers[at.N_TOP] + size <= numbers[at.N_LIMIT]:
                cache = take(heap, numbers, image[at.IMAGE_SIZE])
                heap[node + at.CACHE] = cache
                for i in range(image[at.IMAGE_SIZE]):
                    heap[cache + i] = image[i]
            else:
                wide = class_size(size_class(max(high - low, 1)))
                heap[node + at.BLOCK] = take(heap, numbers, wide)
                heap[node + at.ROOM] = wide
                inside = INSIDE
                top += 1
                stack[top, 0], stack[top, 2], stack[top, 3], stack[top, 4] = node, low, high, DONE
        if split < 0:
            continue
        heap[node + at.FEATURE] = split >> 32
        heap[node + at.THRESHOLD] = split & 0xFFFFFFFF
        column = where[split >> 32]
        if column < 0:
            middle = partition_bits(-1 - column, rows, low, high, spare, words)
        else:
            identity = split & 0xFFFFFFFF
            middle = partition(split >> 32, identity, rows, low, high, spare, bits, ids, ranks, places, where)
        left = take(heap, numbers, 2 * width)
        heap[node + at.LEFT] = left
        first = middle - low
        for c in range(1, classes):
            some = image[image[at.IMAGE_BEST] + c * image[at.IMAGE_STRIDE]]
            first -= some
            heap[left + at.COUNTS + c] = some
            heap[left + width + at.COUNTS + c] = heap[node + at.COUNTS + c] - some
        heap[left + at.COUNTS] = first
        heap[left + width + at.COUNTS] = heap[node + at.COUNTS] - first
        top += 2
        stack[top - 1, 0], stack[top - 1, 1], stack[top - 1, 2], stack[top - 1, 3], stack[top - 1, 4] = (
            left + width,
            depth + 1,
            middle,
            high,
            inside,
        )
        stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], stack[top, 4] = (
            left,
            depth + 1,
            low,
            middle,
            inside,
        )
        keys[top - 1] = child_key(key, 1)
        keys[top] = child_key(key, 0)
