"""Machine code of kernels is cached under a stamp of all sources that may have gone into it.

Numba's own stamp covers a kernel's file alone, but its machine code includes that of the kernels it calls.  Those stand
in its own file; in a folder named `kernels`, also in the folder's other files.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["folder_stamp", "is_kernel_folder"]


def is_kernel_folder(folder: Path) -> bool:
    """Whether kernels in this folder may call those of its other files."""
    return folder.name == "kernels"


@cache
def folder_stamp(folder: Path) -> bytes:
    """SHA-256 over the names and contents of the folder's Python files."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        found.update(f"{path.name} {len(source)}\n".encode() + source)
    return found.digest()
