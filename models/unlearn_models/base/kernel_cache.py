"""Where compiled kernels are kept and found, also by a user who can't write beside the sources.

Numba looks in one place only, and needs to write to it.  So machine code that was compiled beside the sources at
installation is copied to a folder that can be written to; where there is none, it is read in its place.  It counts as
stale when one of the sources changes that may have gone into it; see `kernel_stamp`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self

from numba import config, types
from numba.core.caching import InTreeCacheLocator

from unlearn_models.base.cache_folder import cache_folder
from unlearn_models.base.kept_kernel import KeptKernel
from unlearn_models.base.kernel_stamp import stamp_of
from unlearn_models.base.kernel_types import Array, Signature, Type

__all__ = ["AsInstalled", "Beside", "InNamed", "InOwn", "compiled", "numba_type"]


class Beside(InTreeCacheLocator):
    """Beside the sources, if that can be written to: numba's own choice."""

    _py_file: str

    def get_source_stamp(self) -> Any:
        return stamp_of(Path(self._py_file))


class _Elsewhere(Beside):
    """A folder for each version of each source file; it starts with a copy of what is compiled beside the source."""

    def __init__(self, function: Any, source: str) -> None:
        super().__init__(function, source)  # type: ignore[no-untyped-call]
        name = self.get_suitable_cache_subpath(source)  # type: ignore[no-untyped-call]
        stamp = hashlib.sha256(repr(self.get_source_stamp()).encode()).hexdigest()[:16]
        self._beside, self._stem = Path(self._cache_path), Path(source).stem
        self._cache_path = str((self.folder() or Path()) / f"{name}-{stamp}")

    @staticmethod
    def folder() -> Path | None:
        """The folder above those of the sources; None where there is none."""
        raise NotImplementedError

    @classmethod
    def from_function(cls, function: Any, source: str) -> Self | None:
        if cls.folder() is None:
            return None
        found: Self | None = super().from_function(function, source)  # type: ignore[no-untyped-call]
        return found

    def ensure_cache_path(self) -> None:
        """Create the folder and copy what is compiled beside the source.  Raises OSError where that can't be done."""
        super().ensure_cache_path()  # type: ignore[no-untyped-call]
        _copy_missing(self._beside, Path(self._cache_path), self._stem)


class InNamed(_Elsewhere):
    """The folder that NUMBA_CACHE_DIR names, if that is set and can be written to."""

    @staticmethod
    def folder() -> Path | None:
        return Path(config.CACHE_DIR) if config.CACHE_DIR else None  # type: ignore[attr-defined]


class InOwn(_Elsewhere):
    """The user's cache folder, or one among the temporary files; see `cache_folder`."""

    @staticmethod
    @cache
    def folder() -> Path | None:
        return cache_folder("kernels")


class AsInstalled(Beside):
    """Beside the sources, read-only: saving raises OSError."""

    @classmethod
    def from_function(cls, function: Any, source: str) -> Self | None:
        return cls(function, source) if Path(source).exists() else None


_LOCATORS = ",".join(f"{each.__module__}.{each.__qualname__}" for each in (InNamed, Beside, InOwn, AsInstalled))
"""In the order to try them, as numba's CACHE_LOCATOR_CLASSES."""


def compiled(function: Callable[..., Any], signature: Signature, **options: Any) -> KeptKernel:
    """The function for exactly these types; see `KeptKernel`.  The first locator that can keep its code does so."""
    declared = numba_type(signature.returns)(*map(numba_type, signature.arguments))
    with _located():
        return KeptKernel(function, declared, {"nogil": True, **options})


def numba_type(named: Type) -> Any:
    """Numba's type of this name."""
    if isinstance(named, str):
        return getattr(types, named)
    if isinstance(named, Array):
        return types.Array(numba_type(named.element), named.dimensions, "C", readonly=named.readonly)
    return types.Tuple(tuple(map(numba_type, named)))  # type: ignore[no-untyped-call]


@contextmanager
def _located() -> Iterator[None]:
    before = config.CACHE_LOCATOR_CLASSES  # type: ignore[attr-defined]
    config.CACHE_LOCATOR_CLASSES = _LOCATORS  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = before  # type: ignore[attr-defined]


@cache
def _copy_missing(source: Path, target: Path, stem: str) -> None:
    """Copy code (.nbc) before index (.nbi), each file whole or not at all: what an index names must be there."""
    for file in sorted(source.glob(f"{stem}.*.nb[ci]"), key=lambda file: file.suffix):
        copy = target / file.name
        if not copy.exists():
            scratch = copy.with_name(f"{copy.name}.{os.getpid()}")
            with contextlib.suppress(OSError):
                shutil.copyfile(file, scratch)
                scratch.replace(copy)
