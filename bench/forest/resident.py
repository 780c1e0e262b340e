"""What a forest takes of a process' memory, as the system sees it."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from unlearn_models.forest import Forest, Settings

__all__ = ["grown_bytes"]


def grown_bytes(data: Path, settings: Settings, n: int) -> int:
    """What a process grows by with a forest, built from the first n rows of a .npz of x and y.

    For a fresh process: another could use what it left free before.
    """
    with np.load(data) as held:
        x, y, keys = held["x"][:n], held["y"][:n], np.arange(n, dtype=np.uint64)
    _built(settings, keys[:50], x[:50], y[:50])
    before = _resident()
    forest = _built(settings, keys, x, y)
    grown = _resident() - before
    assert len(forest) == n  # it is held until here
    return grown


def _built(settings: Settings, keys: NDArray[np.uint64], x: NDArray[np.float64], y: NDArray[np.int32]) -> Forest:
    forest = Forest(settings, 2, x.shape[1])
    forest.apply(added_keys=keys, x=x, y=y)
    return forest


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
