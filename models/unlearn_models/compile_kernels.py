"""Compiles kernels into numba's cache, once after installing: `python -m unlearn_models.compile_kernels [PACKAGE ...]`.

The packages are named, by default this one alone: others may have kernels too, and nothing here knows of them.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import unlearn_models
from unlearn_models.base.kernel import compile_lacking

_OWN = unlearn_models.__name__


def prime(package: str = _OWN) -> None:
    """Import every module of the package, and compile its kernels that the cache lacks.

    Modules that need what isn't installed are passed over: they have no kernels.
    """
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if module.name != "unlearn_models.compile_kernels":
            _import(module.name)
    compile_lacking()


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == module.partition(".")[0]:
            raise


if __name__ == "__main__":
    for name in sys.argv[1:] or [_OWN]:
        prime(name)
