"""Changes a tree by the rows that leave it and those that enter it."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, none, reads, u8, u64, writes
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.adjust import adjust, settle
from unlearn_models.forest.kernels.bucket import edit_block, revise
from unlearn_models.forest.kernels.choose import choose, holds
from unlearn_models.forest.kernels.grow import SCANNED, grow
from unlearn_models.forest.kernels.hashing import child_key
from unlearn_models.forest.kernels.heap import class_size, give, size_class, take
from unlearn_models.forest.kernels.nodes import count, drop, flatten, gather, is_end, total
from unlearn_models.forest.kernels.partition import line_up, partition
from unlearn_models.forest.kernels.scan import scan
from unlearn_models.forest.kernels.signatures import (
    COLUMNS,
    HEAP,
    NUMBERS,
    ROOM,
    ROWS,
    STACK,
    WORDS,
    Columns,
    Ints,
    Longs,
    Room,
    Words,
)
from unlearn_models.forest.kernels.walk import push

BATCH = 16
"""Where more than one in so many of a node's rows change at once, its whole subtree is rebuilt."""


@lean_kernel(i64, HEAP, i64, ROWS, ROWS, i64, i64, reads(u8), i64, STACK, WORDS)
def collect(
    heap: Ints,
    node: Any,
    rows: Ints,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
    classes: Any,
    stack: Longs,
    words: Words,
) -> Any:
    """Write the rows that a node has now into rows, sorted where that is worth it; returns how many."""
    m = gather(heap, node, rows, 0, gone, classes, stack)
    for i in range(alow, ahigh):
        rows[m] = adds[i]
        m += 1
    line_up(rows, m, words, len(gone))
    return m


@lean_kernel(none, HEAP, NUMBERS, i64, u64, ROWS, i64, i64, ROWS, i64, i64, reads(u8), COLUMNS, ROOM, writes(u8), i64)
def change(
    heap: Ints,
    numbers: Longs,
    root: Any,
    key: Any,
    dels: Ints,
    dlow: Any,
    dhigh: Any,
    adds: Ints,
    alow: Any,
    ahigh: Any,
    gone: Any,
    columns: Columns,
    room: Room,
    dirty: Any,
    tree: Any,
) -> None:
    """Take rows dels[dlow:dhigh] out of a tree and adds[alow:ahigh] into it; rebuilds where the best split changes.

    After Brophy and Lowd, "Machine Unlearning for Random Forests" (ICML 2021).  If N_LAZY is set, a node to rebuild is
    only marked DIRTY, and its tree in `dirty`.
    """
    bits, ids, labels, ranks, raw, _, places, where = columns
    rows, spare, image, words, _, scores, stack, keys = room
    classes, lazy = numbers[at.N_CLASSES], numbers[at.N_LAZY]
    width = at.COUNTS + classes
    top = 0
    push(stack, keys, top, root, key, 0, dlow, dhigh, alow, ahigh, 0, 0, 0)
    while top >= 0:
        node, depth, dlow, dhigh = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        alow, ahigh, held = stack[top, 4], stack[top, 5], stack[top, 8]
        key = keys[top]
        top -= 1
        moved = (dhigh - dlow) + (ahigh - alow)
        if moved == 0:
            continue
        numbers[at.N_VISITS] += 1
        count(heap, node, dels, dlow, dhigh, adds, alow, ahigh, labels)
        cache = np.int64(heap[node + at.CACHE])
        if heap[node + at.BLOCK]:
            if held:
                flatten(heap, numbers, node, stack)
                edit_block(heap, numbers, node, dels, dlow, dhigh, adds, alow, ahigh, gone)
            else:
                revise(heap, numbers, node, key, depth, dels, dlow, dhigh, adds, alow, ahigh, gone, columns, room)
            continue
        feature, identity = np.int64(heap[node + at.FEATURE]), np.int64(heap[node + at.THRESHOLD])
        n = total(heap, node, classes)
        stays, held, scanned, m = False, held or cache == at.DIRTY, 0, np.int64(0)
        if not held and moved * BATCH <= n and not is_end(heap, numbers, node, depth):
            split = (feature << 32) | identity
            if (
                adjust(numbers, key, heap, cache, dels, dlow, dhigh, -1, bits, ids, labels, ranks, raw, places, where)
                and (
                    alow == ahigh
                    or adjust(
                        numbers, key, heap, cache, adds, alow, ahigh, 1, bits, ids, labels, ranks, raw, places, where
                    )
                )
                and settle(numbers, key, heap, cache, n, raw, places, words)
            ):
                stays = (
                    holds(heap, numbers, node, depth, n, heap, cache)
                    or choose(heap, numbers, node, depth, key, heap, cache, ranks, raw, places, scores) == split
                )
            else:
                m = collect(heap, node, rows, adds, alow, ahigh, gone, classes, stack, words)
                numbers[at.N_REBUILT] += m
                scan(heap, numbers, node, key, 0, m, columns, room, True)
                scanned = SCANNED * (m > numbers[at.N_BUCKET])
                size = image[at.IMAGE_SIZE]
                if (
                    choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores) == split
                    and numbers[at.N_TOP] + class_size(size_class(size)) <= numbers[at.N_LIMIT]
                ):
                    give(heap, numbers, cache, heap[cache + at.IMAGE_SIZE])
                    cache = take(heap, numbers, size)
                    heap[node + at.CACHE] = cache
                    for i in range(size):
                        heap[cache + i] = image[i]
                    stays = True
        if not stays and not (lazy or held):
            if m == 0:
                m = collect(heap, node, rows, adds, alow, ahigh, gone, classes, stack, words)
            drop(heap, numbers, node, stack)
            numbers[at.N_REBUILT] += m
            grow(heap, numbers, node, key, depth, 0, m, scanned, columns, room)
            continue
        if not stays:
            held = 1
            if cache > 0:
                give(heap, numbers, cache, heap[cache + at.IMAGE_SIZE])
            heap[node + at.CACHE] = at.DIRTY
            dirty[tree] = 1
        dmiddle = partition(feature, identity, dels, dlow, dhigh, spare, bits, ids, ranks, places, where)
        amiddle = partition(feature, identity, adds, alow, ahigh, spare, bits, ids, ranks, places, where)
        left = heap[node + at.LEFT]
        push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, dlow, dmiddle, alow, amiddle, 0, 0, held)
        push(
            stack, keys, top + 2, left + width, child_key(key, 1), depth + 1, dmiddle, dhigh, amiddle, ahigh, 0, 0, held
        )
        top += 2
