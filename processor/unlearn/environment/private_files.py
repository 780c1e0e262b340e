"""Folders and files that only their owner may read: they hold what people wrote, and passwords."""

from __future__ import annotations

import logging
import os
from pathlib import Path

__all__ = ["FILE_MODE", "FOLDER_MODE", "make_file", "make_folder", "tighten"]

_log = logging.getLogger(__name__)
FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = 0o077


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone, with the parents that are missing.

    If it is there, others' rights to it are taken away; those to its parents are left as they are.
    """
    if folder.is_dir():
        tighten(folder)
        return
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def make_file(path: Path) -> Path:
    """Make an empty file for its owner alone; if it is there, its content stays and others' rights are taken away."""
    path.touch(mode=FILE_MODE)
    if path.stat().st_mode & _OTHERS:
        path.chmod(FILE_MODE)
    return path


def tighten(folder: Path) -> None:
    """Take away others' rights to a folder that is there, and to everything in it; warn where that can't be done.

    The folder itself comes last: if this is interrupted before, the next call goes through all of it again.
    """
    try:
        if folder.stat().st_mode & _OTHERS:
            for below, folders, files in os.walk(folder, topdown=False):
                for name in (*folders, *files):
                    _close(Path(below, name))
            _close(folder)
    except OSError as error:
        _log.warning("others may read what is in %s, and it can't be changed: %s", folder, error.strerror)


def _close(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        if mode & _OTHERS and not path.is_symlink():
            path.chmod(mode & 0o700)
    except FileNotFoundError:
        return  # removed meanwhile
