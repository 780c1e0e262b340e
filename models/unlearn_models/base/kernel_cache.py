"""Where compiled kernels are kept and found, also by a user who can't write beside the sources.

Numba looks in one place only, which it must be able to write to. Here what was compiled beside the sources, when they
were installed, is copied to the place that can be written to; where there is none, it is read as it is.
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
from typing import Any, Self, TypeVar

import numba
from numba import config
from numba.core.caching import InTreeCacheLocator

from unlearn_models.base.cache_folder import cache_folder

__all__ = ["AsInstalled", "Beside", "InNamed", "InOwn", "compiled", "paths"]

F = TypeVar("F", bound=Callable[..., Any])
Beside = InTreeCacheLocator
"""Beside the sources, if that can be written to."""


class _Elsewhere(InTreeCacheLocator):
    """In a folder for each version of each source, which starts with what is compiled beside the source."""

    def __init__(self, function: Any, source: str) -> None:
        super().__init__(function, source)  # type: ignore[no-untyped-call]
        name = self.get_suitable_cache_subpath(source)  # type: ignore[no-untyped-call]
        stamp = hashlib.sha256(repr(self.get_source_stamp()).encode()).hexdigest()[:16]  # type: ignore[no-untyped-call]
        self._beside, self._stem = Path(self._cache_path), Path(source).stem
        self._cache_path = str((self.folder() or Path()) / f"{name}-{stamp}")

    @staticmethod
    def folder() -> Path | None:
        """The root of what is kept there; None where there is none."""
        raise NotImplementedError

    @classmethod
    def from_function(cls, function: Any, source: str) -> Self | None:
        if cls.folder() is None:
            return None
        found: Self | None = super().from_function(function, source)  # type: ignore[no-untyped-call]
        return found

    def ensure_cache_path(self) -> None:
        """Raises OSError where it can't be written to."""
        super().ensure_cache_path()  # type: ignore[no-untyped-call]
        _copy_missing(self._beside, Path(self._cache_path), self._stem)


class InNamed(_Elsewhere):
    """In NUMBA_CACHE_DIR, if that is set and can be written to."""

    @staticmethod
    def folder() -> Path | None:
        return Path(config.CACHE_DIR) if config.CACHE_DIR else None  # type: ignore[attr-defined]


class InOwn(_Elsewhere):
    """In the user's folder of caches, or one among the temporary files."""

    @staticmethod
    @cache
    def folder() -> Path | None:
        return cache_folder("kernels")


class AsInstalled(InTreeCacheLocator):
    """Beside the sources, to be read only; saving raises OSError."""

    @classmethod
    def from_function(cls, function: Any, source: str) -> Self | None:
        return cls(function, source) if Path(source).exists() else None


def paths(*locators: type) -> str:
    """The locators, to be tried in this order, as numba's setting has them."""
    return ",".join(f"{each.__module__}.{each.__qualname__}" for each in locators)


_LOCATORS = paths(InNamed, Beside, InOwn, AsInstalled)


def compiled(function: F, signature: Any, locators: str = _LOCATORS, **options: Any) -> F:
    """The function compiled for exactly these types, or loaded; kept where the first locator that can, keeps it.

    Where it can't be kept (no place, no room), it is compiled at each start."""
    with _located(locators):
        try:
            done: F = numba.njit(signature, cache=True, nogil=True, **options)(function)
        except OSError:
            done = numba.njit(signature, nogil=True, **options)(function)
    return done


@contextmanager
def _located(locators: str) -> Iterator[None]:
    before = config.CACHE_LOCATOR_CLASSES  # type: ignore[attr-defined]
    config.CACHE_LOCATOR_CLASSES = locators  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = before  # type: ignore[attr-defined]


@cache
def _copy_missing(source: Path, target: Path, stem: str) -> None:
    """Code before index (.nbc, .nbi), each whole or not at all: what an index names must be there."""
    for file in sorted(source.glob(f"{stem}.*.nb[ci]"), key=lambda file: file.suffix):
        copy = target / file.name
        if not copy.exists():
            scratch = copy.with_name(f"{copy.name}.{os.getpid()}")
            with contextlib.suppress(OSError):
                shutil.copyfile(file, scratch)
                scratch.replace(copy)
