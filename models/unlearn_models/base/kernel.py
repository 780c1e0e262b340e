"""How a compiled kernel is declared: one thread, plain IEEE arithmetic, compiled once and cached.

Without fastmath LLVM neither reorders sums nor joins a product and a sum into one rounding, so + - * / sqrt
and comparisons give the same bytes on every CPU.  Signatures are explicit: an array of another type is an error,
never a second version.
A kernel may call kernels, and name constants, that its file imports at its head: see `kernel_stamp`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import types

from unlearn_models.base.kernel_cache import compiled

F = TypeVar("F", bound=Callable[..., Any])

f64 = types.float64
i32 = types.int32
i64 = types.int64
u8 = types.uint8
u32 = types.uint32
u64 = types.uint64
flag = types.boolean
none = types.void


def reads(element: Any, dimensions: int = 1) -> Any:
    """The numba type of a C-contiguous array that a kernel only reads; writable arrays fit too."""
    return types.Array(element, dimensions, "C", readonly=True)


def writes(element: Any, dimensions: int = 1) -> Any:
    """The numba type of a C-contiguous array that a kernel writes to."""
    return types.Array(element, dimensions, "C")


def kernel(returns: Any, *arguments: Any) -> Callable[[F], F]:
    """A decorator that compiles a function for exactly these return and argument types, or loads it from the cache."""

    def declared(function: F) -> F:
        return compiled(function, returns(*arguments), error_model="numpy")

    return declared


def lean_kernel(returns: Any, *arguments: Any) -> Callable[[F], F]:
    """As `kernel`, for kernels that create no arrays: references to arrays, which take time, aren't counted."""

    def declared(function: F) -> F:
        return compiled(function, returns(*arguments), error_model="numpy", _nrt=False)

    return declared
