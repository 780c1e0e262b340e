"""A kernel whose machine code is loaded or made at its first call.

A process calls few of the kernels that it imports, and loading all of them takes longer than anything else at its
start.  This module imports numba, which `unlearn_models.base.kernel` puts off until then.  It relies on inner parts of
numba (0.68): the hooks of its dispatcher and the index of its cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core.caching import FunctionCache, NullCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.runtime.nrt import rtsys

__all__ = ["KeptKernel"]


class KeptKernel(CPUDispatcher):
    """A function for exactly one signature.

    Its machine code is loaded from the cache, or compiled and kept there, when it is first called, or when a kernel
    that calls it is compiled.  Where it can't be kept, for lack of a folder or of space, each process compiles it.
    """

    _can_compile: bool
    _explain_matching_error: Callable[..., None]
    _search_new_conversions: Callable[..., bool]

    def __init__(self, function: Callable[..., Any], signature: Any, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions={"nopython": True, "boundscheck": None, **options})
        self._signature = signature
        self._cache: Any = _Cache(function)  # type: ignore[no-untyped-call]

    def compile_if_lacking(self) -> None:
        """Compile the machine code, if the cache lacks it."""
        if not self._cache.holds(self._signature, self.targetctx):
            self.load()

    def load(self) -> Any:
        """Load or compile the machine code, if that isn't done yet; returns what runs it."""
        with global_compiler_lock:
            if self._can_compile:
                try:
                    self.compile(self._signature)
                except OSError:
                    self._cache = NullCache()
                    self.compile(self._signature)
                self.disable_compile()
            (found,) = self.overloads.values()
        code: Any = found
        return code.entry_point

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """How another kernel calls this one; numba asks when it compiles that."""
        self.load()
        return super().get_call_template(args, kws)

    def _compile_for_args(self, *args: Any) -> Any:
        """What the first call with these arguments runs. Raises TypeError where they don't fit the signature."""
        entry_point = self.load()
        if not self._search_new_conversions(*args):
            self._explain_matching_error(*args)
        return entry_point


class _Cache(FunctionCache):
    """Numba's cache of a function, from which code is loaded without first setting up all that compiling needs."""

    def holds(self, signature: Any, context: Any) -> bool:
        """Whether there is machine code for the signature, by the cache's index."""
        key = self._index_key(signature, context.codegen())  # type: ignore[no-untyped-call]
        return key in self._cache_file._load_index()  # type: ignore[no-untyped-call]  # noqa: SLF001

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
