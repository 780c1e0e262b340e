"""Buckets: small subtrees that keep rows and no counts of candidates; these are counted when the rows change."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, none, reads, u8, u64
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.choose import choose
from unlearn_models.forest.kernels.grow import INSIDE, SCANNED, grow
from unlearn_models.forest.kernels.hashing import child_key
from unlearn_models.forest.kernels.heap import class_size, give, size_class, take
from unlearn_models.forest.kernels.nodes import count, drop, is_end, total
from unlearn_models.forest.kernels.partition import partition
from unlearn_models.forest.kernels.scan import scan
from unlearn_models.forest.kernels.signatures import COLUMNS, HEAP, NUMBERS, ROOM, ROWS, Columns, Ints, Longs, Room
from unlearn_models.forest.kernels.walk import PATH_STACK, push


@lean_kernel(none, HEAP, NUMBERS, i64, ROWS, i64, i64, ROWS, i64, i64, reads(u8))
def edit_block(
    heap: Ints,
    numbers: Longs,
    node: Any,
    dels: Ints,
    dlow: Any,
    dhigh: Any,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
) -> None:
    """Change the stored rows of a leaf that stays one; the node's class counts are already the new ones."""
    block, room = heap[node + at.BLOCK], heap[node + at.ROOM]
    after = total(heap, node, numbers[at.N_CLASSES])
    n = after + (dhigh - dlow) - (ahigh - alow)
    if dhigh - dlow == 1:
        i = block
        while heap[i] != dels[dlow]:
            i += 1
        n -= 1
        heap[i] = heap[block + n]
    elif dhigh > dlow:
        kept = 0
        for i in range(n):
            row = heap[block + i]
            heap[block + kept] = row
            kept += gone[row] == 0
        n = kept
    if after > room:
        more = class_size(size_class(after + after // 8))
        fresh = take(heap, numbers, more)
        for i in range(n):
            heap[fresh + i] = heap[block + i]
        give(heap, numbers, block, room)
        heap[node + at.BLOCK], heap[node + at.ROOM] = fresh, more
        block = fresh
    for i in range(alow, ahigh):
        heap[block + n] = adds[i]
        n += 1


@lean_kernel(none, HEAP, NUMBERS, i64, u64, i64, ROWS, i64, i64, ROWS, i64, i64, reads(u8), COLUMNS, ROOM)
def revise(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    depth: Any,
    dels: Ints,
    dlow: Any,
    dhigh: Any,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
    columns: Columns,
    room: Room,
) -> None:
    """Change a bucket's rows, and its nodes where the best split changes; its root's counts are already the new ones.

    Partitions are stable, so rows that belong to an unchanged subtree keep their order, and the subtree stays valid.
    """
    bits, ids, labels, ranks, raw, _, places, where = columns
    rows, spare, image, _, _, scores, stack, keys = room
    classes = numbers[at.N_CLASSES]
    width = at.COUNTS + classes
    n = total(heap, node, classes)
    if heap[node + at.FEATURE] < 0 and is_end(heap, numbers, node, depth):
        edit_block(heap, numbers, node, dels, dlow, dhigh, adds, alow, ahigh, gone)
        return
    block, size, root = heap[node + at.BLOCK], heap[node + at.ROOM], node
    kept = 0
    for i in range(n + (dhigh - dlow) - (ahigh - alow)):
        row = heap[block + i]
        rows[kept] = row
        kept += gone[row] == 0
    for i in range(alow, ahigh):
        rows[kept] = adds[i]
        kept += 1
    if n > 2 * numbers[at.N_BUCKET]:
        drop(heap, numbers, node, stack)
        numbers[at.N_REBUILT] += n
        grow(heap, numbers, node, key, depth, 0, n, 0, columns, room)
        return
    top = PATH_STACK
    push(stack, keys, top, node, key, depth, dlow, dhigh, alow, ahigh, 0, n, 1)
    while top >= PATH_STACK:
        node, depth, dlow, dhigh = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        alow, ahigh, low, high = stack[top, 4], stack[top, 5], stack[top, 6], stack[top, 7]
        key, counted = keys[top], stack[top, 8]
        top -= 1
        if dlow == dhigh and alow == ahigh:
            continue
        if not counted:
            count(heap, node, dels, dlow, dhigh, adds, alow, ahigh, labels)
        split, old, scanned = np.int64(-1), np.int64(-1), INSIDE
        if not is_end(heap, numbers, node, depth):
            scanned = INSIDE | SCANNED
            scan(heap, numbers, node, key, low, high, columns, room, False)
            split = choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores)
        feature, identity = np.int64(heap[node + at.FEATURE]), np.int64(heap[node + at.THRESHOLD])
        if feature >= 0:
            old = (feature << 32) | identity
        if split != old:
            heap[node + at.BLOCK] = 0
            drop(heap, numbers, node, stack)
            numbers[at.N_REBUILT] += high - low
            grow(heap, numbers, node, key, depth, low, high, scanned, columns, room)
        elif split >= 0:
            middle = partition(feature, identity, rows, low, high, spare, bits, ids, ranks, places, where)
            dmiddle = partition(feature, identity, dels, dlow, dhigh, spare, bits, ids, ranks, places, where)
            amiddle = partition(feature, identity, adds, alow, ahigh, spare, bits, ids, ranks, places, where)
            left = heap[node + at.LEFT]
            push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, dlow, dmiddle, alow, amiddle, low, middle, 0)
            push(
                stack,
                keys,
                top + 2,
                left + width,
                child_key(key, 1),
                depth + 1,
                dmiddle,
                dhigh,
                amiddle,
                ahigh,
                middle,
                high,
                0,
            )
            top += 2
    if n > size:
        give(heap, numbers, block, size)
        size = class_size(size_class(n + n // 8))
        block = take(heap, numbers, size)
    heap[root + at.BLOCK], heap[root + at.ROOM] = block, size
    for i in range(n):
        heap[block + i] = rows[i]
