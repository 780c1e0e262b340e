"""Files that settings name: secrets, certificates, tables. Links are followed, as containers mount secrets by links."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["Unreadable", "read_named_file", "read_named_text"]

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Unreadable(Exception):
    """The path leads to no file that can be read here. The text continues "<path> ..."."""


def read_named_file(path: Path) -> bytes:
    """The content of the regular file at the path. A pipe or a device is never waited for. Raises Unreadable."""
    try:
        # Before opening, as to open a device may have an effect.
        _require_regular(path.stat())
        with os.fdopen(os.open(path, _READ), "rb") as file:
            _require_regular(os.fstat(file.fileno()))
            return file.read()
    except (OSError, ValueError) as error:
        raise Unreadable(f"can't be read: {getattr(error, 'strerror', None) or error}") from None


def read_named_text(path: Path) -> str:
    """As `read_named_file`, of a text in UTF-8; its lines may end as on any system."""
    try:
        return read_named_file(path).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Unreadable("is no text in UTF-8") from None


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise Unreadable("is a folder, not a file")
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("is no regular file: a pipe or a device is not waited for")
