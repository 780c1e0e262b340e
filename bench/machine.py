"""The machine that measures, and the one core that is measured."""

from __future__ import annotations

import multiprocessing
import os
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import psutil

__all__ = ["cores", "describe", "on_one_core", "pin"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def describe() -> dict[str, Any]:
    """Processor, cores, memory in GB, system, load of the last minute."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
    }


def pin() -> int | None:
    """Keep this process on the last core it may use. Returns the core; None where systems can't pin."""
    core = next(iter(cores(1)), None)
    if core is not None:
        os.sched_setaffinity(0, {core})
    return core


def cores(count: int) -> list[int]:
    """The last cores that this process may use, the last one first, `count` at most; none where systems can't pin."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    return sorted(os.sched_getaffinity(0), reverse=True)[:count]


def on_one_core(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """The call's result, from a fresh process on one core. What it raises is raised here."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=pin) as pool:
        return pool.submit(call, *args, **kwargs).result()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
