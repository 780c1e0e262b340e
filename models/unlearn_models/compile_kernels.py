"""Compiles every kernel into numba's cache: `python -m unlearn_models.compile_kernels`, once after installing."""

from __future__ import annotations

import importlib
import pkgutil

import unlearn_models


def prime() -> None:
    """Import every module of the package: kernels have explicit types, so importing one compiles it."""
    for module in pkgutil.walk_packages(unlearn_models.__path__, "unlearn_models."):
        if module.name != "unlearn_models.compile_kernels":
            importlib.import_module(module.name)


if __name__ == "__main__":
    prime()
