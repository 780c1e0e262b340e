"""Which code and machine made a figure: cells made by others are measured again."""

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
"""The folder of the study whose code changes no figure."""


@cache
def code_version() -> str:
    """16 hex digits of a sha256 over the models' and the study's sources and the versions of Python, numba, numpy."""
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
    """The machine and the versions of Python and libraries, as results.json has them."""
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
