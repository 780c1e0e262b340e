"""Machine code of kernels is cached under a stamp of all source files in their folder.

Numba's own stamp covers a kernel's file alone, but its machine code includes that of the kernels it calls.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from unlearn_models.base.kernel_cache import AsInstalled, Beside, InNamed, InOwn, paths

__all__ = ["LOCATORS", "StampedAsInstalled", "StampedBeside", "StampedInNamed", "StampedInOwn", "stamp"]


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


class StampedInNamed(_Together, InNamed):
    """`InNamed`, under the folder's stamp."""


class StampedBeside(_Together, Beside):
    """`Beside`, under the folder's stamp."""


class StampedInOwn(_Together, InOwn):
    """`InOwn`, under the folder's stamp."""


class StampedAsInstalled(_Together, AsInstalled):
    """`AsInstalled`, under the folder's stamp."""


LOCATORS = paths(StampedInNamed, StampedBeside, StampedInOwn, StampedAsInstalled)
"""Those of `unlearn_models.base.kernel_cache`, under that stamp."""
