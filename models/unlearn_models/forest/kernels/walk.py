"""The stack of a walk over nodes, and where in it each kernel's part begins."""

from __future__ import annotations

from typing import Any

from unlearn_models.base.kernel import i64, lean_kernel, none, u64
from unlearn_models.forest.kernels.signatures import KEYS, STACK, Longs, Words

GROW_STACK, PATH_STACK, WALK_STACK, STACK_ROOM = 128, 256, 384, 512


@lean_kernel(none, STACK, KEYS, i64, i64, u64, i64, i64, i64, i64, i64, i64, i64, i64)
def push(
    stack: Longs,
    keys: Words,
    top: Any,
    node: Any,
    key: Any,
    depth: Any,
    dlow: Any,
    dhigh: Any,
    alow: Any,
    ahigh: Any,
    low: Any,
    high: Any,
    held: Any,
) -> None:
    """Set entry `top` of the stack and its key: a node, its depth, ranges of dels, adds and rows, and a flag."""
    keys[top] = key
    stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = node, depth, dlow, dhigh
    stack[top, 4], stack[top, 5], stack[top, 6], stack[top, 7], stack[top, 8] = alow, ahigh, low, high, held
