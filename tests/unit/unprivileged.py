"""A user who may do little: without a home, who can't write to the installation, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
ROOTS = ("processor", "models", "study")
NOBODY = 65534
NO_OTHER_TEMPORARY = """
import os, tempfile
if "TMPDIR" in os.environ:
    tempfile.tempdir = os.environ["TMPDIR"]
"""
"""Else Python falls back to /tmp, which is one place to write to more."""
_NONE: Mapping[str, str] = MappingProxyType({})
NAMELESS = 54321
"""A user id that the system knows no name and home of."""


class Installation:
    """A copy of the program that only its owner can write to. Others are other users only where tests
    run as root; elsewhere the owner itself can't write to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        """The one place that others can write to, where they are told of it."""

    def run(
        self, *arguments: str, user: int = NOBODY, variables: Mapping[str, str] = _NONE
    ) -> subprocess.CompletedProcess[str]:
        """Runs Python as the user, with these variables alone, in a folder that it can't write to."""
        with _opened() as (python, prefix, site):
            tree = self.folder / "tree"
            environment = {
                "PATH": os.defpath,
                "PYTHONHOME": f"/proc/self/fd/{prefix}",
                "LD_LIBRARY_PATH": f"/proc/self/fd/{prefix}/lib",
                "PYTHONPATH": os.pathsep.join((_roots(tree), f"/proc/self/fd/{site}")),
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": "/nonexistent",
            }
            return subprocess.run(
                [f"/proc/self/fd/{python}", *arguments],
                env={**environment, **variables},
                cwd=tree,
                pass_fds=(python, prefix, site),
                user=user if os.geteuid() == 0 else None,
                group=user if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )

    def unlearn(
        self, *arguments: str, user: int = NOBODY, variables: Mapping[str, str] = _NONE
    ) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "unlearn.cli.main", *arguments, user=user, variables=variables)


@contextmanager
def _opened() -> Iterator[tuple[int, int, int]]:
    """Python, its library and the site's: as open files, so that it doesn't matter who may enter the folders above."""
    paths = (Path(sys.executable).resolve(), Path(sys.base_prefix), Path(sysconfig.get_paths()["purelib"]))
    numbers = tuple(os.open(path, os.O_RDONLY) for path in paths)
    try:
        yield numbers[0], numbers[1], numbers[2]
    finally:
        for number in numbers:
            os.close(number)


@contextmanager
def installed(*, compiled: bool) -> Iterator[Installation]:
    """An installation with the machine code that `make setup` makes; or without, and each module of the models then
    loads no more than it needs."""
    with tempfile.TemporaryDirectory(prefix="unlearn-installed-") as name:
        folder = Path(name)
        for package in ROOTS:
            ignored = None if compiled else shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, folder / "tree" / package, ignore=ignored)
        (folder / "tree" / "sitecustomize.py").write_text(NO_OTHER_TEMPORARY)
        if not compiled:
            (folder / "tree" / "models" / "unlearn_models" / "__init__.py").write_text("")
        else:
            command = [sys.executable, "-m", "unlearn_models.compile_kernels", "unlearn_models", "unlearn"]
            subprocess.run(command, cwd=folder / "tree", env=_own(folder), check=True, timeout=900)
        made = Installation(folder)
        made.home.mkdir()
        _close(folder)
        made.home.chmod(0o1777)
        try:
            yield made
        finally:
            for below in (folder / "tree").rglob("*"):
                if below.is_dir():
                    below.chmod(0o700)
            (folder / "tree").chmod(0o700)


def _roots(tree: Path) -> str:
    return os.pathsep.join(map(str, (tree, *(tree / root for root in ROOTS))))


def _own(folder: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG"))}
    return others | {"PYTHONPATH": _roots(folder / "tree")}


def _close(folder: Path) -> None:
    """All may read, nobody may write."""
    folder.chmod(0o755)
    for path in (folder / "tree", *(folder / "tree").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
