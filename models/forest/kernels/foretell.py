"""What a deletion would cost; the tree stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.forest.kernels import layout as at
from models.forest.kernels.adjust import adjust, settle
from models.forest.kernels.change import BATCH
from models.forest.kernels.choose import choose
from models.forest.kernels.declare import COLUMNS, HEAP, NUMBERS, ROOM, ROWS, Columns, Ints, Longs, Room, kernel, u64
from models.forest.kernels.hashing import child_key
from models.forest.kernels.nodes import gather, is_end, total
from models.forest.kernels.partition import partition
from models.forest.kernels.scan import scan
from models.forest.kernels.walk import push
from models.kernel import i64, none, reads, u8


@kernel(none, HEAP, NUMBERS, i64, u64, ROWS, i64, reads(u8), COLUMNS, ROOM)
def foretell(
    heap: Ints,
    numbers: Longs,
    node: Any,
    key: Any,
    dels: Ints,
    dhigh: Any,
    gone: Any,
    columns: Columns,
    room: Room,
) -> None:
    """Add up what taking rows out of a tree would cost; the tree stays as it is."""
    bits, ids, labels, ranks, raw, _, places, where = columns
    rows, spare, image, words, _, scores, stack, keys = room
    classes = numbers[at.N_CLASSES]
    top = 0
    push(stack, keys, top, node, key, 0, 0, dhigh, 0, 0, 0, 0, 0)
    while top >= 0:
        node, depth, dlow, dhigh, key = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3], keys[top]
        top -= 1
        if dlow == dhigh:
            continue
        numbers[at.N_COST_NODES] += 1
        cache = np.int64(heap[node + at.CACHE])
        if cache == 0:
            continue
        feature, identity = np.int64(heap[node + at.FEATURE]), np.int64(heap[node + at.THRESHOLD])
        for i in range(heap[cache + at.IMAGE_SIZE]):
            image[i] = heap[cache + i]
        for i in range(dlow, dhigh):
            heap[node + at.COUNTS + labels[dels[i]]] -= 1
        n = total(heap, node, classes)
        stays = (dhigh - dlow) * BATCH <= n and not is_end(heap, numbers, node, depth)
        if stays:
            known = adjust(numbers, key, image, 0, dels, dlow, dhigh, -1, bits, ids, labels, ranks, raw, places, where)
            if not known or not settle(numbers, key, image, 0, n, raw, places, words):
                numbers[at.N_COST_ROWS] += gather(heap, node, rows, 0, gone, classes, stack)
                scan(heap, numbers, node, key, 0, n, columns, room, False)
            split = choose(heap, numbers, node, depth, key, image, 0, ranks, raw, places, scores)
            stays = split == (feature << 32) | identity
        for i in range(dlow, dhigh):
            heap[node + at.COUNTS + labels[dels[i]]] += 1
        if not stays:
            numbers[at.N_COST_ROWS] += n
            continue
        dmiddle = partition(feature, identity, dels, dlow, dhigh, spare, bits, ids, ranks, places, where)
        left = heap[node + at.LEFT]
        push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, dlow, dmiddle, 0, 0, 0, 0, 0)
        push(
            stack,
            keys,
            top + 2,
            left + at.COUNTS + classes,
            child_key(key, 1),
            depth + 1,
            dmiddle,
            dhigh,
            0,
            0,
            0,
            0,
            0,
        )
        top += 2
