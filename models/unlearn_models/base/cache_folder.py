"""The folder for files that can be made again, such as compiled kernels: one that this user owns and can write to."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cache_folder"]

_PRIVATE = 0o700


def cache_folder(name: str) -> Path | None:
    """The cache folder of this name, created if need be with mode 0700; None where no place can be written to.

    Tried in order: XDG_CACHE_HOME, ~/.cache, a private folder of this user among the temporary files.  A folder that
    belongs to another user is skipped, because code is loaded from here.
    """
    return next((folder for root in _roots() if _is_ours(folder := root / name)), None)


def _roots() -> Iterator[Path]:
    named = Path(os.environ.get("XDG_CACHE_HOME") or "")
    home = Path("~").expanduser() if _has_home() else Path()
    for cache in (named, home / ".cache"):
        if cache.is_absolute():
            yield cache / "unlearn"
    temporary = _temporary()
    if temporary and _is_ours(temporary) and not stat.S_IMODE(temporary.stat().st_mode) & 0o077:
        yield temporary


def _temporary() -> Path | None:
    try:
        return Path(tempfile.gettempdir()) / f"unlearn-{os.geteuid()}"
    except FileNotFoundError:  # nothing can be written to
        return None


def _has_home() -> bool:
    try:
        return bool(Path.home())
    except RuntimeError:  # no HOME, and a user without a name
        return False


def _is_ours(folder: Path) -> bool:
    """Whether the folder, created if it is missing, is a real folder of this user that can be written to."""
    try:
        folder.mkdir(_PRIVATE, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK)
