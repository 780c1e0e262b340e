"""Prints each kernel's fused instructions as JSON: run by test_same_bytes with an empty cache.

Of the modules named and what they import, of all where none is named.
"""

from __future__ import annotations

import importlib
import json
import re
import sys

from numba.core.dispatcher import Dispatcher

from models.prime import prime

_FUSED = re.compile(r"\bv?fn?m(?:add|sub)\w*")


def main() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    if not sys.argv[1:]:
        prime()
    found = {
        f"{name}.{kernel.py_func.__name__}": sorted(set(_FUSED.findall("".join(kernel.inspect_asm().values()))))
        for name, module in list(sys.modules.items())
        if name.startswith("models.")
        for kernel in vars(module).values()
        if isinstance(kernel, Dispatcher)
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
