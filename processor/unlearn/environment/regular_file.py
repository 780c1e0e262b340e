"""Opens regular files only: a pipe or a device in their place is never waited for, and a link never followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from unlearn.environment.private_files import FILE_MODE

__all__ = ["NotThatFile", "create_file", "read_file"]

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class NotThatFile(Exception):
    """The path leads to something else than a regular file of the expected size.

    The text continues "<file's name> ...".
    """


def read_file(root: Path, parts: Sequence[str], size: int | None = None) -> bytes:
    """The content of the regular file at root/parts, which must have `size` bytes where that is known.

    Nothing is read of a file of another size. Links below `root` are not followed. Raises NotThatFile, OSError,
    MemoryError.
    """
    with os.fdopen(_open(root, parts), "rb") as file:
        there = _size_of(os.fstat(file.fileno()))
        if size is not None and there != size:
            raise NotThatFile(f"has {there} bytes, not {size}")
        return file.read(there)


def create_file(path: Path) -> BinaryIO:
    """The regular file at `path`, made or emptied, for its owner alone.

    Raises OSError where something else is there.
    """
    file = os.fdopen(os.open(path, _WRITE, FILE_MODE), "wb")
    if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != FILE_MODE:
        os.fchmod(file.fileno(), FILE_MODE)
    return file


def _open(root: Path, parts: Sequence[str]) -> int:
    *folders, last = parts
    at = os.open(root, _FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        _size_of(os.stat(last, dir_fd=at, follow_symlinks=False))  # before opening: to open a device may have an effect
        return os.open(last, _READ, dir_fd=at)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotThatFile("leads through a link, or through what is no folder") from error
        raise
    finally:
        os.close(at)


def _size_of(found: os.stat_result) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise NotThatFile("is no regular file")
    return found.st_size
