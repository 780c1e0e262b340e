"""How an error that reaches the top ends the command: with one line for the user, and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import click

from unlearn.environment.variables import TRACEBACK
from unlearn.errors import ExtraMissing, FileUnusable, ReaderGone, UnlearnError
from unlearn.extras import extra_of

__all__ = ["end"]

_INTERRUPTED = 130
_MEDIUM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Errors of a disk that is full or broken. When writing fails they don't name the file."""


def end(error: BaseException) -> int:
    """Say in one line what has ended the command. Returns its exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes it for the end of a dialogue; here it is data that end too soon
    if isinstance(error, click.Abort | KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    if isinstance(error, click.FileError):
        return _say(FileUnusable(error.format_message()))
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    return _say(_known(error))


def _say(error: UnlearnError) -> int:
    if not isinstance(error, ReaderGone):
        click.echo(f"error: {error}", err=True)
    return error.exit_code


def _known(error: BaseException) -> UnlearnError:
    if isinstance(error, UnlearnError):
        return error
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _MEDIUM):
        where = f"{error.filename}: " if error.filename is not None else ""
        return FileUnusable(f"{where}{error.strerror}")
    if isinstance(error, ModuleNotFoundError) and error.name and (extra := extra_of(error.name)):
        return ExtraMissing("this", extra, error.name)
    return _unforeseen(error)


def _unforeseen(error: BaseException) -> UnlearnError:
    if os.environ.get(TRACEBACK, "0") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    said = " ".join(str(error).split())
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return UnlearnError(f"{what} (not foreseen: a fault of unlearn's; `unlearn --traceback ...` shows where it arose)")
