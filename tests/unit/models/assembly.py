"""Prints each kernel's fused instructions as JSON: run by test_same_bytes with an empty cache."""

from __future__ import annotations

import json
import re
import sys

from unlearn_models.base.kernel import Kernel
from unlearn_models.compile_kernels import prime

_FUSED = re.compile(r"\bv?fn?m(?:add|sub)\w*")


def main() -> None:
    prime()
    found = {
        f"{name}.{kernel.__name__}": sorted(set(_FUSED.findall("".join(kernel.compiled().inspect_asm().values()))))
        for name, module in list(sys.modules.items())
        if name.startswith("unlearn_models.")
        for kernel in vars(module).values()
        if isinstance(kernel, Kernel)
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
