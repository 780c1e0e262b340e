"""Fresh environments with the wheel of this tree in them, and what they cost: bytes on disk, seconds to an answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from unlearn.errors import UnlearnError

__all__ = ["Installed", "NotInstalled", "installed", "wheel"]

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("processor", "models", "study")
_PATIENCE = 900


class NotInstalled(UnlearnError):
    """An environment could not be made."""


class Installed(NamedTuple):
    """An environment, and the bytes that installing has added to it, in blocks of the disk."""

    python: Path
    size: int

    def seconds(self, program: str, given: Mapping[str, str], folder: Path) -> float:
        """Wall seconds from the start of a process that runs this program until it has ended.

        `given`: its UNLEARN_ variables. It runs in `folder`, and keeps its caches there.
        """
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UNLEARN_"))}
        began = time.perf_counter()
        _run([self.python, "-c", program], cwd=folder, env={**own, **given, "XDG_CACHE_HOME": str(folder / "caches")})
        return time.perf_counter() - began


def wheel(folder: Path) -> Path:
    """The wheel of this tree, built in a copy so that the tree stays as it is. Raises NotInstalled."""
    source = folder / "source"
    for name in _SOURCES:
        shutil.copytree(_ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(_ROOT / name, source / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "-w", folder / "made", source)
    (found,) = (folder / "made").iterdir()
    return found


def installed(folder: Path, wheel: Path, extras: Sequence[str]) -> Installed:
    """A new environment in this folder with the wheel and these extras, from the package index. Raises NotInstalled."""
    _run([sys.executable, "-m", "venv", "--without-pip", folder])
    before = _size(folder)
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    _pip("--python", folder / "bin" / "python", "install", wanted)
    return Installed(folder / "bin" / "python", _size(folder) - before)


def _size(folder: Path) -> int:
    """Bytes of the blocks that its files take on disk."""
    found = [file.lstat() for file in folder.rglob("*")]
    return sum(each.st_blocks * 512 for each in found)


def _pip(*arguments: str | Path) -> None:
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments])


def _run(command: Sequence[str | Path], **how: object) -> None:
    done = subprocess.run(  # type: ignore[call-overload]
        list(map(str, command)), capture_output=True, text=True, timeout=_PATIENCE, check=False, **how
    )
    if done.returncode != 0:
        raise NotInstalled(f"{Path(command[0]).name} {command[2]}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
