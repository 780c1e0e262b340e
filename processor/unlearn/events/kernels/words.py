"""Eight bytes at once, as one number with the first byte lowest.

An index into an array costs a test for a negative one, and its loops over bytes don't become vector code; a load of a
word costs neither.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from unlearn_models.base.kernel import i64, lean_kernel, primitive, u64

WORD: Final = 8
"""Bytes of a word."""
_1, _7, _56 = np.uint64(1), np.uint64(7), np.uint64(56)
_LOWEST = np.uint64(0x0101010101010101)


def word_of(some: bytes) -> np.uint64:
    """The word of at most eight bytes; those that are missing are zeros."""
    return np.uint64(int.from_bytes(some, "little"))


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Where the words of this array of bytes begin at an index."""
    from numba import types

    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), context.get_value_type(types.uint64).as_pointer())


def _load(context: Any, data: Any, at: Any) -> Any:
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments), align=1)

    return types.uint64(data, types.int64), generate


def _store(context: Any, data: Any, at: Any, word: Any) -> Any:
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _pointer(context, builder, signature, arguments), align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), generate


load: Any = primitive(_load)
"""Kernel: load(data, at) is the word data[at:at + 8]. Nothing checks that it is within the array."""
store: Any = primitive(_store)
"""Kernel: store(data, at, word) writes the word to data[at:at + 8]. Nothing checks that it is within the array."""


@lean_kernel(i64, u64)
def first_marked(marks: Any) -> Any:
    """The number of the lowest byte that isn't 0, in a word where one isn't."""
    below = (marks - _1) & ~marks
    return np.int64(((below >> _7) & _LOWEST) * _LOWEST >> _56)
