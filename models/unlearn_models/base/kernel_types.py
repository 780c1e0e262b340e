"""The types of kernels' arguments, as words and tuples: naming them takes no compiler.

`numba_type` of `unlearn_models.base.kernel_cache` makes numba's types of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

__all__ = ["Array", "Signature", "Type", "f64", "flag", "i32", "i64", "none", "reads", "u8", "u32", "u64", "writes"]

f64: Final = "float64"
i32: Final = "int32"
i64: Final = "int64"
u8: Final = "uint8"
u32: Final = "uint32"
u64: Final = "uint64"
flag: Final = "boolean"
none: Final = "void"


class Array(NamedTuple):
    """A C-contiguous array: the word for its elements, its dimensions, and whether a kernel only reads it."""

    element: str
    dimensions: int
    readonly: bool


Type: TypeAlias = "str | Array | tuple[Type, ...]"
"""A word of this module, an array, or a tuple of types."""


class Signature(NamedTuple):
    """What a kernel returns and takes."""

    returns: Type
    arguments: tuple[Type, ...]


def reads(element: str, dimensions: int = 1) -> Array:
    """The type of a C-contiguous array that a kernel only reads; writable arrays fit too."""
    return Array(element, dimensions, readonly=True)


def writes(element: str, dimensions: int = 1) -> Array:
    """The type of a C-contiguous array that a kernel writes to."""
    return Array(element, dimensions, readonly=False)
