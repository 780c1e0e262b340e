"""Compiles every kernel into numba's cache: `python -m models.prime`, once after installing."""

from __future__ import annotations

import importlib
import pkgutil

import models


def prime() -> None:
    """Import every module of the package: kernels have explicit types, so importing one compiles it."""
    for module in pkgutil.walk_packages(models.__path__, "models."):
        if module.name != "models.prime":
            importlib.import_module(module.name)


if __name__ == "__main__":
    prime()
