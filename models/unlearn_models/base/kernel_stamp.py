"""Machine code of kernels is cached under a stamp of all sources that may have gone into it.

Numba's own stamp covers a kernel's file alone, but its machine code includes that of the kernels that it calls, and the
constants that it names; both may be imported.  So the stamp covers what the file imports too, directly or by others:
from its own package, and from this one, which says how kernels are compiled.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path

__all__ = ["sources_of", "stamp_of"]

_IMPORT = re.compile(r"^(?:from ([\w.]+) )?import (\([^)]*\)|.*)$", re.MULTILINE)
"""At the left margin: what is imported inside of functions, or for types alone, is nothing that a kernel can use."""
_THIS_PACKAGE = Path(__file__).parents[1]
_COMPILER = Path(__file__).with_name("kernel_cache.py")
"""Imported by nothing at its head, as it takes numba, and yet it says how all kernels are compiled."""


@cache
def stamp_of(source: Path) -> bytes:
    """SHA-256 over names and contents of the file's `sources_of`; the same wherever the packages are installed."""
    found = hashlib.sha256()
    for name, file in sorted(sources_of(source).items()):
        content = file.read_bytes()
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.digest()


def sources_of(source: Path) -> Mapping[str, Path]:
    """The files that may have gone into the machine code of a file's kernels, it among them: name -> path.

    A name is the path from the folder that holds the package.  Imports must be absolute.
    """
    packages = {folder.name: folder for folder in (_THIS_PACKAGE, *_package_of(source))}
    found: dict[str, Path] = {}
    ahead = [source, _COMPILER]
    while ahead:
        file = ahead.pop()
        name = _name(file)
        if name not in found:
            found[name] = file
            ahead += [there for package in packages.values() for there in _imported(file, package)]
    return found


@cache
def _package_of(file: Path) -> list[Path]:
    """The folder of the outermost package that the file is in; [] if it is in none."""
    return list(takewhile(lambda folder: (folder / "__init__.py").exists(), file.parents))[-1:]


def _name(file: Path) -> str:
    return file.relative_to((_package_of(file) or [file])[0].parent).as_posix()


@cache
def _imported(file: Path, package: Path) -> frozenset[Path]:
    """The package's files that the file itself imports."""
    modules = (module for module in _modules(file.read_text(encoding="utf-8")) if module[0] == package.name)
    places = (package.joinpath(*module[1:]) for module in modules)
    return frozenset(
        file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()
    )


def _modules(text: str) -> Iterator[list[str]]:
    """The parts of the dotted names that may be modules, of all imports."""
    for module, names in _IMPORT.findall(text):
        if module:
            yield module.split(".")
        for name in re.findall(r"[\w.]+", names):
            yield f"{module}.{name}".strip(".").split(".")
