"""How a compiled kernel is declared: one thread, plain IEEE arithmetic, compiled once and cached.

Without fastmath LLVM neither reorders sums nor joins a product and a sum into one rounding, so + - * / sqrt
and comparisons give the same bytes on every CPU.  Signatures are explicit: an array of another type is an error,
never a second version.
A kernel may call kernels, and name constants, that its file imports at its head: see `kernel_stamp`.

Declaring takes no compiler, and the first call imports it.  Where numba isn't installed, a kernel is its plain way, a
function of Python's and numpy's that gives the same bytes; one that has none can't be called there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar

from unlearn_models.base.errors import KernelsMissing
from unlearn_models.base.kernel_types import Signature, Type, f64, flag, i32, i64, none, reads, u8, u32, u64, writes

__all__ = [
    "Kernel",
    "Primitive",
    "compile_lacking",
    "compiles",
    "f64",
    "flag",
    "i32",
    "i64",
    "itself",
    "kernel",
    "lean_kernel",
    "none",
    "primitive",
    "reads",
    "u8",
    "u32",
    "u64",
    "writes",
]

F = TypeVar("F", bound=Callable[..., Any])


@cache
def compiles() -> bool:
    """Whether numba is installed, so that kernels are compiled."""
    try:
        return find_spec("numba") is not None
    except ValueError:  # it is kept from being imported
        return False


class Kernel:
    """A function that is compiled where numba is installed, and elsewhere replaced by its plain way.

    `plain` is that way; None if there is none.
    """

    def __init__(
        self, function: Callable[..., Any], signature: Signature, plain: Callable[..., Any] | None, **options: Any
    ) -> None:
        self.__wrapped__, self.__name__, self.__doc__ = function, function.__name__, function.__doc__
        self.plain = plain
        self._signature, self._options = signature, options
        self._compiled: Any = None
        self._run: Callable[..., Any] = self._first
        _declared.append(self)

    def __call__(self, *arguments: Any) -> Any:
        return self._run(*arguments)

    def compiled(self) -> Any:
        """The compiled function, a `KeptKernel`; its machine code is loaded or made when it is called."""
        from unlearn_models.base.kernel_cache import compiled

        if self._compiled is None:
            self._compiled = compiled(self.__wrapped__, self._signature, **self._options)
        return self._compiled

    @property
    def _numba_type_(self) -> Any:
        """What numba takes this object for, where a kernel that calls it is compiled."""
        return self.compiled()._numba_type_

    def _first(self, *arguments: Any) -> Any:
        self._run = self._chosen()
        return self._run(*arguments)

    def _chosen(self) -> Callable[..., Any]:
        if compiles():
            way: Callable[..., Any] = self.compiled()
            return way
        if self.plain is None:
            raise KernelsMissing(f"{self.__wrapped__.__module__}.{self.__name__}")
        return self.plain


_declared: list[Kernel] = []
"""The kernels declared since `compile_lacking`."""


def compile_lacking() -> None:
    """Compile all kernels imported so far that the cache lacks: for processes that can't wait for that later.

    Raises KernelsMissing where numba isn't installed.
    """
    if not compiles():
        raise KernelsMissing("compiled kernels")
    while _declared:
        _declared.pop().compiled().compile_if_lacking()


def itself(function: F) -> F:
    """A plain way that is the kernel's own function, interpreted.

    Only for functions that are exact so: nothing of theirs wraps around at 32 or 64 bits.
    """
    return function


def kernel(returns: Type, *arguments: Type, plain: Callable[..., Any] | None = None) -> Callable[[F], F]:
    """A decorator that compiles a function for exactly these return and argument types, or loads it from the cache.

    plain: what is called where numba isn't installed, with the same arguments; `itself` for the function interpreted.
    """

    def declared(function: F) -> F:
        return _kernel(function, Signature(returns, arguments), plain, error_model="numpy")

    return declared


def lean_kernel(returns: Type, *arguments: Type, plain: Callable[..., Any] | None = None) -> Callable[[F], F]:
    """As `kernel`, for kernels that create no arrays: references to arrays, which take time, aren't counted."""

    def declared(function: F) -> F:
        return _kernel(function, Signature(returns, arguments), plain, error_model="numpy", _nrt=False)

    return declared


def _kernel(function: F, signature: Signature, plain: Callable[..., Any] | None, **options: Any) -> F:
    made: Any = Kernel(function, signature, function if plain is itself else plain, **options)
    declared: F = made
    return declared


class Primitive:
    """What kernels call that numba has no word for: `generator` is a function as `numba.extending.intrinsic` takes."""

    __slots__ = ("_generator", "_made")

    def __init__(self, generator: Callable[..., Any]) -> None:
        self._generator = generator
        self._made: Any = None

    @property
    def _numba_type_(self) -> Any:
        """What numba takes this object for, where a kernel that calls it is compiled."""
        from numba.core.registry import cpu_target
        from numba.extending import intrinsic

        if self._made is None:
            self._made = intrinsic(self._generator)
            cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(self._made)


def primitive(generator: Callable[..., Any]) -> Any:
    """The primitive that this generator makes; only compiled kernels can call it."""
    return Primitive(generator)
