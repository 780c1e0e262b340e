"""Which code and machine made a figure: cells of others are measured again."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import unlearn_models
import unlearn_study

__all__ = ["code_version", "machine"]

_LIBRARIES = ("numba", "numpy")
_SOURCES = (".py", ".txt")
_SHOWS = "show"
"""The part of the study that changes no figure."""


@cache
def code_version() -> str:
    """A hash of the models' and the study's sources, as this process loaded them, and of what computes."""
    found = hashlib.sha256(platform.python_version().encode())
    for name in _LIBRARIES:
        found.update(f"{name} {version(name)}".encode())
    for package in (unlearn_models, unlearn_study):
        for folder in package.__path__:
            for file in sorted(Path(folder).rglob("*")):
                if file.suffix in _SOURCES and file.relative_to(folder).parts[0] != _SHOWS:
                    found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
