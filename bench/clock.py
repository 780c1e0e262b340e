"""Seconds of CPU time, side by side: what else runs on the machine shifts both sides alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

__all__ = ["interleaved", "seconds"]


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds that the call takes, the collector at rest."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        call()
        return time.process_time() - began
    finally:
        gc.enable()


def interleaved(calls: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of each call in each of the runs, all calls taking turns; a first turn is not counted."""
    for call in calls.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            found[name].append(seconds(call))
    return found
