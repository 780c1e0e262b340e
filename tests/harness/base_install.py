"""The distributions that the base installation of a wheel takes, copied from this environment: no index is asked."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["copy_base", "needed_by"]


def needed_by(wheel: Path) -> set[str]:
    """The names of all distributions that the wheel needs without extras, directly or by others."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        wanted = HeaderParser().parsestr(archive.read(name).decode()).get_all("Requires-Dist", [])
    found: dict[str, Requirement] = {}
    ahead = list(_applying(wanted, ()))
    while ahead:
        requirement = ahead.pop()
        name = canonicalize_name(requirement.name)
        if name not in found or requirement.extras - found[name].extras:
            found[name] = requirement
            ahead += _applying(distribution(name).requires or [], requirement.extras)
    return set(found)


def _applying(lines: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def copy_base(wheel: Path, site: Path) -> None:
    """Copy what the wheel needs without extras into this folder of packages."""
    for name in needed_by(wheel):
        _copy(distribution(name), site)


def _copy(one: Distribution, site: Path) -> None:
    for file in one.files or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            copy = site / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(one.locate_file(file)), copy)
