"""The kernel that changes a forest's trees: it runs one task for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, reads, u8, u64, writes
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.change import change
from unlearn_models.forest.kernels.grow import grow
from unlearn_models.forest.kernels.hashing import M2, child_key, mix
from unlearn_models.forest.kernels.heap import class_size, size_class, take
from unlearn_models.forest.kernels.nodes import drop, gather, total
from unlearn_models.forest.kernels.signatures import (
    COLUMNS,
    HEAP,
    NUMBERS,
    ROOM,
    ROWS,
    Floats,
    Ints,
    Longs,
    Words,
)
from unlearn_models.forest.kernels.walk import push


@lean_kernel(i64, NUMBERS, i64)
def strict_need(numbers: Longs, n: Any) -> Any:
    """An upper bound of the ints that a tree of n rows needs beside its caches."""
    leaves = min(n + 1, np.int64(1) << min(numbers[at.N_DEPTH], 40))
    return n + n // 2 + leaves * (16 + class_size(size_class(2 * (at.COUNTS + numbers[at.N_CLASSES])))) + 64


@lean_kernel(
    i64,
    i64,
    i64,
    HEAP,
    NUMBERS,
    writes(i64),
    writes(u8),
    reads(u64),
    reads(u64),
    u64,
    ROWS,
    i64,
    ROWS,
    i64,
    reads(u8),
    *COLUMNS,
    ROWS,
    ROWS,
    *ROOM,
)
def run(
    task: Any,
    tree: Any,
    heap: Ints,
    numbers: Longs,
    roots: Longs,
    dirty: Any,
    salts: Words,
    row_keys: Words,
    share: Any,
    dels: Ints,
    n_dels: Any,
    adds: Ints,
    n_adds: Any,
    gone: Any,
    bits: Words,
    ids: Ints,
    labels: Ints,
    ranks: Ints,
    raw: Words,
    order: Ints,
    places: Longs,
    where: Ints,
    out: Ints,
    into: Ints,
    rows: Ints,
    spare: Ints,
    image: Ints,
    words: Words,
    tally: Longs,
    scores: Floats,
    stack: Longs,
    keys: Words,
) -> Any:
    """Run a task for each tree from this one on; returns the first one without enough room, or the number of trees.

    GROW: grow it from the rows in adds;  CHANGE: take dels out and adds in;  FLUSH: rebuild its nodes marked DIRTY.
    """
    columns = (bits, ids, labels, ranks, raw, order, places, where)
    room = (rows, spare, image, words, tally, scores, stack, keys)
    classes = numbers[at.N_CLASSES]
    width = at.COUNTS + classes
    while tree < len(roots):
        n_out, n_into = 0, 0
        sampler = mix(salts[tree] ^ M2)
        for i in range(n_dels):
            out[n_out] = dels[i]
            n_out += mix(row_keys[dels[i]] ^ sampler) <= share
        for i in range(n_adds):
            into[n_into] = adds[i]
            n_into += mix(row_keys[adds[i]] ^ sampler) <= share
        if (task == at.FLUSH and not dirty[tree]) or (task == at.CHANGE and n_out + n_into == 0):
            tree += 1
            continue
        root = roots[tree]
        n = n_into
        if root:
            n += total(heap, root, classes)
        numbers[at.N_NEED] = n
        if n + 8 > len(rows):
            return tree
        need = strict_need(numbers, n)
        if numbers[at.N_TOP] + 2 * need + 4096 > len(heap):
            return tree
        numbers[at.N_LIMIT] = len(heap) - need
        if task == at.CHANGE:
            change(heap, numbers, root, salts[tree], out, 0, n_out, into, 0, n_into, gone, columns, room, dirty, tree)
        elif task == at.GROW:
            if root:
                drop(heap, numbers, root, stack)
            else:
                root = take(heap, numbers, width)
                roots[tree] = root
            for i in range(n_into):
                rows[i] = into[i]
            numbers[at.N_REBUILT] += n_into
            grow(heap, numbers, root, salts[tree], 0, 0, n_into, 0, columns, room)
            dirty[tree] = 0
        else:
            top = 0
            push(stack, keys, top, root, salts[tree], 0, 0, 0, 0, 0, 0, 0, 0)
            while top >= 0:
                node, depth, key = stack[top, 0], stack[top, 1], keys[top]
                top -= 1
                cache = heap[node + at.CACHE]
                if cache > 0:
                    left = heap[node + at.LEFT]
                    push(stack, keys, top + 1, left, child_key(key, 0), depth + 1, 0, 0, 0, 0, 0, 0, 0)
                    push(stack, keys, top + 2, left + width, child_key(key, 1), depth + 1, 0, 0, 0, 0, 0, 0, 0)
                    top += 2
                elif cache == at.DIRTY:
                    m = gather(heap, node, rows, 0, gone, classes, stack)
                    drop(heap, numbers, node, stack)
                    numbers[at.N_REBUILT] += m
                    grow(heap, numbers, node, key, depth, 0, m, 0, columns, room)
            dirty[tree] = 0
        tree += 1
    return tree
