"""What `make setup` compiles: the kernels of all packages, also of those that the learners know nothing of."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from unlearn_models.compile_kernels import prime

ROOT = Path(__file__).parents[2]
DECLARED = re.compile(r"^@(lean_)?kernel\(", re.MULTILINE)


def modules(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and sources of the modules below a source root."""
    for path in folder.rglob("*.py"):
        yield ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"), path.read_text()


def compiled_packages() -> list[str]:
    lines = (ROOT / "deploy/local/setup.sh").read_text().splitlines()
    (command,) = (line for line in lines if "unlearn_models.compile_kernels" in line)
    return command.split("unlearn_models.compile_kernels")[1].split()


def test_every_kernel_is_in_a_package_that_is_compiled() -> None:
    packages = compiled_packages()
    found = [
        name for root in ("processor", "models") for name, source in modules(ROOT / root) if DECLARED.search(source)
    ]

    assert {"unlearn.kernels.murmur2", "unlearn.events.kernels.messages"} <= set(found)
    assert [name for name in found if not any(name.startswith(f"{package}.") for package in packages)] == []


def test_each_of_these_packages_is_compiled_whole() -> None:
    for package in compiled_packages():
        prime(package)
        names = [name for root in ("processor", "models") for name, _ in modules(ROOT / root)]
        assert [n for n in names if n.startswith(f"{package}.") and n not in sys.modules] == []
