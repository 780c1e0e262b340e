"""Kernels run by their plain ways, as where numba isn't installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from unlearn_models.base.errors import KernelsMissing
from unlearn_models.base.kernel import Kernel


def kernels() -> dict[str, Kernel]:
    """The kernels of all modules imported so far, by module and name."""
    found = [
        value
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in ("unlearn", "unlearn_models")
        for value in vars(module).values()
        if isinstance(value, Kernel)
    ]
    return {f"{kernel.__wrapped__.__module__}.{kernel.__name__}": kernel for kernel in found}


@contextmanager
def plainly() -> Iterator[None]:
    """Inside of the `with` block no kernel is compiled code; one without a plain way raises KernelsMissing."""
    before = {name: (kernel, kernel._run) for name, kernel in kernels().items()}
    for name, (kernel, _) in before.items():
        kernel._run = kernel.plain or _missing(name)
    try:
        yield
    finally:
        for kernel, run in before.values():
            kernel._run = run


def _missing(name: str) -> Callable[..., Any]:
    def refuse(*arguments: object) -> None:
        raise KernelsMissing(name)

    return refuse
