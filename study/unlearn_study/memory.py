"""How much memory an object's arrays take."""

from __future__ import annotations

import gc
import sys
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

__all__ = ["array_bytes"]


def array_bytes(thing: object) -> int:
    """Bytes of all arrays and byte strings that the object refers to, directly or not, each counted once.

    A view counts as the array that it is a view of.
    """
    total, seen, left = 0, set(), [thing]
    while left:
        found: Any = left.pop()
        if id(found) in seen or isinstance(found, type | ModuleType | FunctionType):
            continue
        seen.add(id(found))
        if isinstance(found, np.ndarray | bytes | bytearray) and getattr(found, "base", None) is None:
            total += sys.getsizeof(found)
        left += gc.get_referents(found)
        if isinstance(found, np.ndarray) and found.base is not None:
            left.append(found.base)
    return total
