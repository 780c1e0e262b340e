"""Pieces of the heap, allocated and freed; freed pieces are in one list for each size class."""

from __future__ import annotations

from typing import Any

from unlearn_models.base.kernel import i64, lean_kernel, none
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.signatures import HEAP, NUMBERS, Ints, Longs


@lean_kernel(i64, i64)
def size_class(size: Any) -> Any:
    """The smallest size class with room for `size` ints: steps of 8 up to 64, then 8 classes for each doubling."""
    if size <= 64:
        return (size + 7) // 8
    octave = 0
    while (size - 1) >> (octave + 7):
        octave += 1
    step = 8 << octave
    return 8 + octave * 8 + (size - (64 << octave) + step - 1) // step


@lean_kernel(i64, i64)
def class_size(kind: Any) -> Any:
    """The number of ints in a piece of this size class."""
    if kind <= 8:
        return kind * 8
    octave = (kind - 9) // 8
    return (64 << octave) + (kind - 8 - octave * 8) * (8 << octave)


@lean_kernel(i64, HEAP, NUMBERS, i64)
def take(heap: Ints, numbers: Longs, size: Any) -> Any:
    """Allocate a piece of the heap with room for `size` ints; returns where it starts."""
    kind = size_class(size)
    found = numbers[at.N_FREE + kind]
    if found:
        numbers[at.N_FREE + kind] = heap[found]
    else:
        found = numbers[at.N_TOP]
        numbers[at.N_TOP] = found + class_size(kind)
    return found


@lean_kernel(none, HEAP, NUMBERS, i64, i64)
def give(heap: Ints, numbers: Longs, start: Any, size: Any) -> None:
    """Free the piece of `size` ints that starts here."""
    kind = size_class(size)
    heap[start] = numbers[at.N_FREE + kind]
    numbers[at.N_FREE + kind] = start
