"""Machine code of kernels is cached under a stamp of all source files in their folder.

Numba's own stamp is of a kernel's file alone, but its machine code holds that of the kernels it calls, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from numba import config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

__all__ = ["InTree", "UserProvided", "UserWide", "stamp", "stamped"]


@cache
def stamp(folder: Path) -> bytes:
    """SHA-256 over the names and contents of the folder's Python files."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        found.update(f"{path.name} {len(source)}\n".encode() + source)
    return found.digest()


class _Together:
    _py_file: str

    def get_source_stamp(self) -> bytes:
        return stamp(Path(self._py_file).parent)


class UserProvided(_Together, UserProvidedCacheLocator):
    """In NUMBA_CACHE_DIR, if that is set."""


class InTree(_Together, InTreeCacheLocator):
    """Beside the sources, if that can be written to."""


class UserWide(_Together, UserWideCacheLocator):
    """In the user's folder of caches."""


_LOCATORS = ",".join(f"{__name__}.{each.__name__}" for each in (UserProvided, InTree, UserWide))


@contextmanager
def stamped() -> Iterator[None]:
    """Kernels declared meanwhile are cached so."""
    before = config.CACHE_LOCATOR_CLASSES  # type: ignore[attr-defined]
    config.CACHE_LOCATOR_CLASSES = _LOCATORS  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = before  # type: ignore[attr-defined]
